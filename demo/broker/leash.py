"""Child processes that cannot outlive this one, however it ends: our side of supervise.py."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from demo.broker.protocol import BrokerError

SUPERVISE = Path(__file__).with_name("supervise.py")
# Starting a process takes milliseconds; a supervisor silent for this long is gone or the machine is standing still.
ANSWER_TIMEOUT_S = 20.0
# The supervisor's own bound for a kill (10 s), and the removal of a data directory.
CLOSE_TIMEOUT_S = 30.0


class Leash:
    """Named child processes in the care of one supervisor. Safe to use from several threads."""

    def __init__(self, remove: Path | None = None) -> None:
        """remove: a directory to delete once all children are gone."""
        command = [sys.executable, "-I", "-S", str(SUPERVISE)]
        if remove is not None:
            command += ["--remove", str(remove)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Out of the terminal's process group: Ctrl-C is for us, and we decide what becomes of the children.
            start_new_session=True,
        )
        self._changed = threading.Condition()
        self._pids: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._errors: dict[str, str] = {}
        self._lost = False
        self._closed = False
        self._reader = threading.Thread(target=self._listen, name="leash", daemon=True)
        self._reader.start()

    def start(self, name: str, command: list[str], log: Path, env: Mapping[str, str]) -> int:
        """Starts a child under a name that is free (or was ended) and returns its pid. Output is appended to log."""
        with self._changed:
            for known in (self._pids, self._codes, self._errors):
                known.pop(name, None)
        self._send({"start": name, "command": command, "log": str(log), "env": dict(env)})
        self._wait(lambda: name in self._pids or name in self._errors, ANSWER_TIMEOUT_S)
        with self._changed:
            if name in self._pids:
                return self._pids[name]
            reason = self._errors.get(name, "its supervisor has ended or does not answer")
        raise BrokerError(f"cannot start {command[0]}: {reason}")

    def signal(self, name: str, number: signal.Signals) -> None:
        """Nothing happens to a child that has ended: the supervisor knows its pid and that nobody else has it."""
        self._send({"signal": name, "number": int(number)})

    def wait_ended(self, name: str, timeout_s: float) -> int | None:
        """The exit code (negative: the signal) once the child has ended, or None when it still runs after that time."""
        self._wait(lambda: name in self._codes, timeout_s)
        with self._changed:
            return self._codes.get(name)

    def keep(self) -> None:
        """Leave the directory: from now on it goes away only if somebody else removes it."""
        with contextlib.suppress(BrokerError):  # a supervisor that has ended removes nothing
            self._send({"keep": True})

    def close(self) -> None:
        """Kills what still runs, removes the directory, and returns when that is done. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # closing flushes, and a supervisor that has ended takes nothing
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(CLOSE_TIMEOUT_S)
        self._reader.join(CLOSE_TIMEOUT_S)
        _pipe(self._process.stdout).close()

    def _send(self, what: dict[str, object]) -> None:
        pipe = _pipe(self._process.stdin)
        try:
            with self._changed:  # keeps the lines of two threads apart
                pipe.write(json.dumps(what).encode() + b"\n")
                pipe.flush()
        except (OSError, ValueError) as error:
            raise BrokerError(f"the broker's supervisor has ended: {error}") from error

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition() and not self._lost and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _listen(self) -> None:
        for line in _pipe(self._process.stdout):
            news = json.loads(line)
            with self._changed:
                if "pid" in news:
                    self._pids[news["name"]] = news["pid"]
                if "code" in news:
                    self._codes[news["name"]] = news["code"]
                if "error" in news:
                    self._errors[news["name"]] = news["error"]
                self._changed.notify_all()
        with self._changed:
            self._lost = True
            self._changed.notify_all()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise BrokerError("the supervisor was started without its pipes")
    return pipe
