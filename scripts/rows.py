"""Runs the tests of each row of the bar that accounts, books and tasks answer for, and prints a table of what they did.

A test that is parametrized counts as often as it runs; many of them try hundreds or thousands of cases each. Ends with
1 if a test failed, or if a row has none.

    .venv/bin/python -m app.core.local .venv/bin/python -m scripts.rows [S8 S10 …] [-- options of pytest]
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROWS: Mapping[str, tuple[str, Sequence[str]]] = {
    "S1": ("one object is decided as specified", ("tests/access/test_matrix.py", "tests/oracle")),
    "S2": ("a list holds what is decided one by one", ("tests/core/test_acl.py", "tests/api/test_cursors.py")),
    "S3": ("every door, every account, over HTTP", ("tests/api/test_access_over_http.py",)),
    "S4": ("no school sees or changes another's", ("tests/api/test_canaries.py",)),
    "S5": ("no field is written that may not be", ("tests/api/test_mass_assignment.py", "tests/people/test_fields.py")),
    "S6": ("nobody raises their own rights", ("tests/people/test_no_escalation.py",)),
    "S8": (
        "Firebase tokens",
        (
            "tests/sign_in/test_firebase_tokens.py",
            "tests/sign_in/test_google_is_away.py",
            "tests/sign_in/test_emulator.py",
        ),
    ),
    "S9": ("the internal API opens to the queue alone", ("tests/tasks/test_callers.py", "tests/tasks/test_doors.py")),
    "S10": ("guessing class codes", ("tests/sign_in/test_bruteforce.py", "tests/sign_in/test_class_codes.py")),
    "S11": (
        "linking and change of address",
        ("tests/sign_in/test_linking_model.py", "tests/sign_in/test_email_change.py", "tests/sign_in/test_exchange.py"),
    ),
    "S12": ("how long tokens are good", ("tests/sign_in/test_sessions.py", "tests/service_accounts/test_expiry.py")),
    "S13": ("revocation is immediate", ("tests/sign_in/test_revocation.py", "tests/reliability/test_revocation.py")),
    "S14": ("every door is guarded", ("tests/test_architecture.py", "tests/api/test_openapi.py")),
    "S15": ("answers are minimal", ("tests/people/test_reading.py", "tests/classes/test_class_reading.py")),
    "S17": (
        "the tests of access can fail",
        (
            "tests/access/test_matrix.py::test_this_test_notices_every_fault_in_a_rule",
            "tests/people/test_model.py::test_this_test_notices_a_model_that_is_wrong",
        ),
    ),
    "S18": ("what concerns security is on record", ("tests/audit", "tests/people/test_deeds.py")),
    "S19": ("no other host than is meant", ("tests/adapters/test_egress.py", "tests/webhooks")),
    "S24": ("cursors and ids", ("tests/api/test_cursors.py",)),
    "R1": ("no 5xx, no answer that is not documented", ("tests/api/test_schemathesis.py",)),
    "R3": (
        "PostgreSQL ends under load",
        ("tests/reliability/test_dependency.py", "tests/tasks/test_database_restarts.py"),
    ),
    "R4": (
        "tasks: delivered at least once, done once",
        (
            "tests/core/test_work.py",
            "tests/tasks/test_cloud_tasks.py",
            "tests/tasks/test_delivery.py",
            "tests/tasks/test_reliability.py::test_every_accepted_task_has_its_effect_once",
        ),
    ),
    "R5": (
        "poison is set aside and delays nobody",
        ("tests/tasks/test_reliability.py::test_poison_is_set_aside_after_eight_attempts_and_delays_nobody",),
    ),
    "R6": ("the internal API ends well", ("tests/tasks/test_shutdown.py",)),
    "R8": ("statements and locks have bounds", ("tests/reliability/test_bounds.py", "tests/tasks/test_bounds.py")),
    "R11": (
        "random histories against a model",
        (
            "tests/people/test_model.py",
            "tests/collections/test_model.py",
            "tests/booklists/test_order.py",
            "tests/search/test_histories.py",
        ),
    ),
    "R12": (
        "many change one thing at once",
        (
            "tests/reliability/test_concurrent_changes.py",
            "tests/booklists/test_order.py",
            "tests/labels/test_labelling.py",
        ),
    ),
    "R13": (
        "others are away, slow or lie",
        (
            "tests/hydration/test_failing_providers.py",
            "tests/labelling/test_language_model.py",
            "tests/messages/test_transports.py",
            "tests/sign_in/test_google_is_away.py",
        ),
    ),
    "P4": (
        "data leaves only where it is declared",
        (
            "tests/webhooks/test_what_leaves.py",
            "tests/hydration/test_hydrating.py",
            "tests/labelling/test_language_model.py",
            "tests/messages/test_transports.py",
            "tests/messages/test_writing.py",
            "tests/adapters/test_egress.py",
        ),
    ),
    "P5": (
        "logs hold no personal data",
        ("tests/webhooks/test_what_leaves.py", "tests/api/test_canaries.py", "tests/core/test_log.py"),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """How the tests of a row ended."""

    tests: int
    failed: int
    skipped: int
    seconds: float

    @classmethod
    def of(cls, report: Path) -> "Outcome":
        """Read what pytest reports in JUnit's format."""
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314  our own file
        tests, failed, errors, skipped = (
            sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
        )
        return cls(tests, failed + errors, skipped, sum(float(suite.get("time", 0)) for suite in suites))

    @property
    def is_good(self) -> bool:
        return self.tests > self.skipped and not self.failed

    def __str__(self) -> str:
        passed = self.tests - self.failed - self.skipped
        return f"{self.tests:>6} {passed:>7} {self.failed:>7} {self.skipped:>8} {self.seconds:>8.1f}"


def run(row: str, options: Sequence[str]) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", *ROWS[row][1], f"--junitxml={report}", *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
        outcome = Outcome.of(report) if report.exists() else Outcome(0, 1, 0, 0)
        if done.returncode or not outcome.is_good:
            sys.stderr.write(done.stdout)
        return outcome


def main(arguments: Sequence[str]) -> int:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    rows, options = arguments[:at] or list(ROWS), arguments[at + 1 :]
    unknown = [row for row in rows if row not in ROWS]
    if unknown:
        sys.stderr.write(f"{__doc__}\nno such row: {', '.join(unknown)}; there are {', '.join(ROWS)}\n")
        return 2
    sys.stdout.write(f"{'row':<5}{'about':<42}{'tests':>6}  passed  failed  skipped  seconds\n")
    good = True
    for row in rows:
        outcome = run(row, options)
        good &= outcome.is_good
        sys.stdout.write(f"{row:<5}{ROWS[row][0]:<42}{outcome}\n")
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
