"""Child processes: all end with the server, however it ends."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_PR_SET_PDEATHSIG = 1
_DESCRIPTORS = 1_024
"""What Lambda gives a function."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(sent: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send the signal `sent` when the parent ends; exits at once if it has ended
    already."""
    parent = os.getppid()
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), sent)


def _in_child() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


class Spawner:
    """Starts subprocesses from one thread that lives as long as the process.

    The kernel ties PR_SET_PDEATHSIG to the *thread* that forked: a child started by a short-lived worker
    thread would be killed when that thread ends, not when the server does.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
        self._lock = threading.Lock()
        self._alive: list[subprocess.Popen[Any]] = []
        self._closed = False

    def popen(self, *args: Any, **kwargs: Any) -> subprocess.Popen[Any]:
        def start() -> subprocess.Popen[Any]:
            return subprocess.Popen(*args, preexec_fn=_in_child, **kwargs)  # noqa: PLW1509

        with self._lock:
            if self._closed:
                raise OSError("the server is ending; no process is started any more")
            child = self._thread.submit(start).result()
            self._alive = [one for one in self._alive if one.poll() is None]
            self._alive.append(child)
        return child

    def close(self) -> None:
        """Kill all children that still run, with their process groups, and start no more."""
        with self._lock:
            self._closed = True
            children, self._alive = self._alive, []
        for child in children:
            kill_group(child)


def kill_group(child: subprocess.Popen[Any]) -> None:
    """Kill a child and, if it leads a process group, the whole group."""
    try:
        if os.getpgid(child.pid) == child.pid:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    except ProcessLookupError:
        _kill_orphans(child.pid)
    try:
        child.wait(timeout=2)
    except subprocess.TimeoutExpired:
        return


def _kill_orphans(group: int) -> None:
    """Kill background processes of a group whose leader has ended."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
