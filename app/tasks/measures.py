"""What is measured of the outbox and of jobs: one statement for each group of gauges, asked when somebody looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.tasks.jobs import SCHEDULE


@dataclass(frozen=True, slots=True)
class Measure:
    """Gauges that one statement answers: a row for each set of labels, then the numbers. Labels name no person."""

    gauges: Mapping[str, str]
    """What each says, by name, in the order of the numbers."""
    labels: Sequence[str]
    statement: str


_LATE = ", ".join(f"('{job.name}', {(job.every + job.tolerance).total_seconds():.0f})" for job in SCHEDULE)

MEASURES = (
    Measure(
        {"wriveted_tasks_pending": "Tasks that are not done: the depth of the queue."},
        ("kind",),
        "SELECT kind, count(*) FROM tasks WHERE state = 'pending' GROUP BY kind",
    ),
    Measure(
        {"wriveted_tasks_oldest_due_seconds": "For how long the oldest due task has been due: the age of the queue."},
        ("kind",),
        """SELECT kind, extract(epoch FROM now() - min(due_at))::float FROM tasks
            WHERE state = 'pending' AND due_at <= now() GROUP BY kind""",
    ),
    Measure(
        {"wriveted_tasks_retrying": "Tasks that failed at least once and are tried again."},
        ("kind",),
        "SELECT kind, count(*) FROM tasks WHERE state = 'pending' AND attempts > 0 AND claim IS NULL GROUP BY kind",
    ),
    Measure(
        {"wriveted_tasks_set_aside": "Tasks that failed too often and wait for staff."},
        ("kind", "failure"),
        "SELECT kind, coalesce(failure, ''), count(*) FROM tasks WHERE state = 'set_aside' GROUP BY 1, 2",
    ),
    Measure(
        {"wriveted_job_late": "1 where no run of the job did well for longer than it may be late."},
        ("job",),
        f"""SELECT p.job, (coalesce(max(r.started_at), '-infinity') < now() - make_interval(secs => p.allowed))::int
              FROM (VALUES {_LATE}) AS p(job, allowed)
              LEFT JOIN job_runs AS r ON r.job = p.job AND r.outcome = 'done'
             GROUP BY p.job, p.allowed""",  # noqa: S608  the schedule above
    ),
)
