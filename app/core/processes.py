"""Child processes that never outlive the process that started them, however that one ends."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

PR_SET_PDEATHSIG = 1
WATCHDOG = """
import os, select, sys
pid, last_signal = int(sys.argv[1]), int(sys.argv[2])
try:
    while not select.select([0], [], [], 0.5)[0]:
        os.kill(pid, 0)
    os.kill(pid, last_signal)
except ProcessLookupError:
    pass
"""

_libc = ctypes.CDLL(None)
_watchdogs: list[subprocess.Popen[bytes]] = []


def spawn(
    command: Sequence[str | os.PathLike[str]], *, last_signal: signal.Signals, **options: Any
) -> subprocess.Popen[bytes]:
    """Start `command`, which is sent `last_signal` when this process ends, even by ``kill -9``.

    `options` are those of `subprocess.Popen`. To be called from the main thread: Linux sends the signal when
    the *thread* ends that started the child.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a child process ends with the thread that starts it: use the main thread")
    if sys.platform == "linux":
        return subprocess.Popen(command, preexec_fn=partial(_die_after, os.getpid(), last_signal), **options)
    process = subprocess.Popen(command, **options)
    watch(process, last_signal)
    return process


def watch(process: subprocess.Popen[bytes], last_signal: signal.Signals) -> None:
    """Have `process` sent `last_signal` when this process ends, where the system has no word for it.

    The watchdog reads a pipe that only this process holds open; it ends by itself once `process` has ended.
    """
    watchdog = subprocess.Popen(
        [sys.executable, "-c", WATCHDOG, str(process.pid), str(int(last_signal))],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    _watchdogs[:] = [other for other in _watchdogs if other.poll() is None] + [watchdog]


def stop(process: subprocess.Popen[bytes], *signals: signal.Signals, patience: float) -> int:
    """Send each of `signals` in turn, then SIGKILL, until `process` ends; wait `patience` seconds after each.

    Returns its exit code, which is negative for a signal, as in `subprocess`.
    """
    for each in signals:
        process.send_signal(each)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.wait(patience)


def ending(process: subprocess.Popen[bytes]) -> str:
    """How an ended process ended, for a person: ``exit code 3`` or ``signal SIGKILL``."""
    code = process.returncode
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _die_after(parent: int, last_signal: signal.Signals) -> None:
    """Runs in the child, after it took its user and before it becomes the command."""
    _libc.prctl(PR_SET_PDEATHSIG, int(last_signal))
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)
