"""A child on a leash ends with its holder, and what happens to it is told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from demo.broker import BrokerError
from demo.broker.leash import Leash
from tests.waiting import wait_until

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


@pytest.fixture
def leash() -> Iterator[Leash]:
    leash = Leash()
    yield leash
    leash.close()


def test_closing_kills_the_children_and_removes_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    leash = Leash(remove=directory)
    pids = [leash.start(name, SLEEPER, directory / "log", {}) for name in ("a", "b")]

    leash.close()

    assert not any(map(psutil.pid_exists, pids))
    assert not directory.exists()


def test_a_directory_that_is_to_be_kept_is_still_there_after_an_orderly_end(tmp_path: Path) -> None:
    leash = Leash(remove=tmp_path / "logs")
    (tmp_path / "logs").mkdir()

    leash.keep()
    leash.close()

    assert (tmp_path / "logs").exists()


def test_a_child_that_is_stopped_is_killed_too(tmp_path: Path) -> None:
    leash = Leash()
    pid = leash.start("a", SLEEPER, tmp_path / "log", {})
    leash.signal("a", signal.SIGSTOP)
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the child is stopped", 5)

    leash.close()

    assert not psutil.pid_exists(pid)


def test_the_exit_code_and_the_output_of_a_child_are_kept(leash: Leash, tmp_path: Path) -> None:
    leash.start("a", [sys.executable, "-S", "-c", "print('said'); raise SystemExit(3)"], tmp_path / "log", {})

    assert leash.wait_ended("a", timeout_s=10) == 3
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_name_can_be_used_again_and_a_signal_to_the_dead_does_nothing(leash: Leash, tmp_path: Path) -> None:
    leash.start("a", SLEEPER, tmp_path / "log", {})
    leash.signal("a", signal.SIGKILL)
    assert leash.wait_ended("a", timeout_s=10) == -signal.SIGKILL
    leash.signal("a", signal.SIGKILL)

    pid = leash.start("a", SLEEPER, tmp_path / "log", {})

    assert psutil.pid_exists(pid)
    assert leash.wait_ended("a", timeout_s=0) is None


def test_a_program_that_does_not_exist_is_named(leash: Leash, tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"cannot start /no/such/java: .*No such file"):
        leash.start("a", ["/no/such/java"], tmp_path / "log", {})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_even_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    leash = Leash()
    pid = leash.start("a", SLEEPER, tmp_path / "log", {})

    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)

    wait_until(lambda: not psutil.pid_exists(pid) or is_zombie(pid), "the child is gone", 5)
    with pytest.raises(BrokerError, match="supervisor has ended"):
        leash.start("b", SLEEPER, tmp_path / "log", {})
    leash.close()


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
