import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from app.core.processes import ending, spawn, stop

PATIENCE = 30.0
PARENT = """
import signal, subprocess, sys
from app.core import processes
command = [sys.executable, "-c", "import time; time.sleep(60)"]
if sys.argv[1] == "spawned":
    child = processes.spawn(command, last_signal=signal.SIGTERM)
else:
    child = subprocess.Popen(command)
    processes.watch(child, signal.SIGTERM)
print(child.pid, flush=True)
sys.stdin.read()
"""


def ends(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
        if not found.stdout.strip() or found.stdout.startswith(b"Z"):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("how", ["spawned", "watched"])
def test_child_ends_with_a_killed_parent(how: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
        assert ends(child)


def test_stop_insists_when_a_signal_is_ignored() -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    child = spawn([sys.executable, "-c", script], last_signal=signal.SIGKILL, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        assert stop(child, signal.SIGTERM, patience=0.2) == -signal.SIGKILL
    assert ending(child) == "signal SIGKILL"


def test_stop_of_an_ended_process_tells_how_it_ended() -> None:
    child = spawn([sys.executable, "-c", "raise SystemExit(3)"], last_signal=signal.SIGKILL)
    child.wait(PATIENCE)
    assert stop(child, signal.SIGTERM, patience=1) == 3
    assert ending(child) == "exit code 3"


def test_spawn_refuses_a_thread_whose_end_would_end_the_child() -> None:
    refusals: list[str] = []

    def act() -> None:
        try:
            spawn(["true"], last_signal=signal.SIGKILL)
        except RuntimeError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    assert len(refusals) == 1
