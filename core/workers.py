"""Several processes of one server on one machine: started together, restarted when one dies, stopped together.

Each worker is a fork of the supervisor and has a listening socket of its own on the common port (``SO_REUSEPORT``): the
system shares connections out evenly, gives none to a worker that is still starting, and none any more to one that died.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

log = logging.getLogger("shanzhi.workers")

STOP_SECONDS = 25.0
"""After so long a worker that does not end is killed; its own patience is shorter."""
FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.5, 30.0, 60.0
STOPPING = (signal.SIGTERM, signal.SIGINT)

Serve = Callable[[], None]


class Supervisor:
    """Keeps so many workers running until a signal ends it; ``serve`` is what a worker does."""

    def __init__(self, count: int, serve: Serve) -> None:
        self._count = count
        self._serve = serve
        self._started: dict[int, float] = {}
        self._pause = FIRST_PAUSE
        self._is_stopping = False
        # Workers hold the other end's reading side: when the supervisor is gone, however it went, they read the end.
        self._lifeline = os.pipe()

    def run(self) -> None:
        """Start the workers, and return when all have ended after a signal."""
        for sign in STOPPING:
            signal.signal(sign, self._stop)
        for _ in range(self._count):
            self._start()
        while not self._is_stopping:
            if not self._reap(block=True) or self._is_stopping:
                continue
            time.sleep(self._pause)  # a worker that dies at once must not be started a thousand times
            while len(self._started) < self._count and not self._is_stopping:
                self._start()
        self._end()

    def _start(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._work()
        self._started[pid] = time.monotonic()

    def _work(self) -> None:
        """Be a worker; never returns."""
        status = 1
        try:
            for sign in STOPPING:
                signal.signal(sign, signal.SIG_DFL)
            os.setpgid(0, 0)  # Ctrl-C goes to the supervisor alone, which tells the workers
            reading, writing = self._lifeline
            os.close(writing)
            threading.Thread(target=_follow, args=(reading,), daemon=True).start()
            self._serve()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing may climb into the supervisor's own stack
            traceback.print_exc()
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self, *, block: bool) -> bool:
        """Take note of a worker that ended; says whether there was one."""
        try:
            pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
        except ChildProcessError:
            return False
        began = self._started.pop(pid, None)
        if began is None:
            return False
        if not self._is_stopping:
            steady = time.monotonic() - began > STEADY_SECONDS
            self._pause = FIRST_PAUSE if steady else min(self._pause * 2, LONGEST_PAUSE)
            log.warning("worker %d ended with %d and is replaced", pid, os.waitstatus_to_exitcode(status))
        return True

    def _stop(self, sign: int, frame: FrameType | None) -> None:
        self._is_stopping = True
        self._tell(signal.SIGTERM)

    def _tell(self, sign: signal.Signals) -> None:
        for pid in self._started:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue

    def _end(self) -> None:
        """Wait for the workers to finish what they do; whoever takes too long is killed."""
        last = time.monotonic() + STOP_SECONDS
        self._tell(signal.SIGTERM)  # also to one that was started while the signal came
        while self._started:
            if not self._reap(block=False):
                if time.monotonic() > last:
                    log.error("%d workers did not end in %g s and are killed", len(self._started), STOP_SECONDS)
                    self._tell(signal.SIGKILL)
                    last = float("inf")
                time.sleep(0.05)


def _follow(lifeline: int) -> None:
    """End this worker when the supervisor is gone."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a bound socket that does not listen yet, ``shared`` by several processes; raises OSError.

    A client that takes nothing for 30 seconds is cut by the system.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # asyncio does so for sockets that it made itself: without it a second message waits 40 ms for the first.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
