"""Keeps child processes for exactly as long as the process at the other end of its standard input lives.

Run as a script with the standard library alone, so that it starts in some 20 ms. It reads commands and writes what
happened, one JSON object a line:

    {"start": name, "command": [...], "log": path, "env": {...}}  ->  {"name": name, "pid": 17}  or {"name", "error"}
    {"signal": name, "number": 9}
    {"keep": true}                                            the directory stays, whatever happens from now on
                                                                      {"name": name, "code": -9}   whenever one ends

When its input ends (the parent stopped, crashed or was killed: the kernel closes the pipe in every case) it kills every
child and, with `--remove DIRECTORY`, deletes that directory. Why a process of its own: PR_SET_PDEATHSIG is bound to the
*thread* that forked, which may end long before its process, and macOS has nothing like it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

# From linux/prctl.h. A second line of defence, should somebody kill this process itself.
PR_SET_PDEATHSIG = 1
# A process that survives SIGKILL this long sits in the kernel (a dead disk); waiting longer would not help.
KILL_TIMEOUT_S = 10.0


def die_with_me() -> None:
    """In the child, before exec: safe here because this process has one thread, which lives as long as it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def say(**what: object) -> None:
    """To the parent. One that is gone is noticed by the end of our input, right after this."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(what).encode() + b"\n")


class Supervisor:
    """The children by name."""

    def __init__(self) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.keeps = False

    def obey(self, command: dict[str, Any]) -> None:
        """One line of input."""
        if "start" in command:
            self._start(command["start"], command)
        elif "keep" in command:
            self.keeps = True
        elif (child := self.children.get(command["signal"])) is not None:
            child.send_signal(command["number"])

    def _start(self, name: str, command: dict[str, Any]) -> None:
        try:
            with Path(command["log"]).open("ab") as log:
                self.children[name] = subprocess.Popen(
                    command["command"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=command["env"],
                    preexec_fn=die_with_me,
                )
        except OSError as error:
            say(name=name, error=str(error))
        else:
            say(name=name, pid=self.children[name].pid)

    def reap(self) -> None:
        """Reports the children that have ended."""
        for name, child in list(self.children.items()):
            if (code := child.poll()) is not None:
                del self.children[name]
                say(name=name, code=code)

    def end(self) -> None:
        """Kills all, and waits until the kernel has taken them away, so that their files and ports are free."""
        for child in self.children.values():
            child.kill()
        for child in self.children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(KILL_TIMEOUT_S)


def serve(supervisor: Supervisor, wake: int) -> None:
    """Until the input ends or somebody asks us to stop. wake: becomes readable on every signal."""
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    pending = b""
    while True:
        ready = {key.fd for key, _ in selector.select()}
        if wake in ready and signal.SIGTERM in os.read(wake, 4096):
            return
        supervisor.reap()
        if 0 in ready:
            data = os.read(0, 1 << 16)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                supervisor.obey(json.loads(line))


def main(arguments: list[str]) -> None:
    """The whole life of the supervisor."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)
    # Ctrl-C and a closed terminal are the parent's to handle; its end is ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervisor = Supervisor()
    try:
        serve(supervisor, wake)
    finally:
        supervisor.end()
        if arguments[:1] == ["--remove"] and not supervisor.keeps:
            shutil.rmtree(arguments[1], ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
