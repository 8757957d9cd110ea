"""What the product runs on, and that Ctrl-C ends it in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from streams import event_loop


async def kind() -> str:
    """Of the loop that runs."""
    return type(asyncio.get_running_loop()).__module__


@pytest.mark.skipif(sys.modules.get("uvloop", ...) is None, reason="--without-uvloop")
async def test_product_and_tests_run_on_uvloop() -> None:
    assert await kind() == await asyncio.to_thread(event_loop.run, kind()) == "uvloop"


def test_where_there_is_no_uvloop_asyncios_own_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert event_loop.run(kind()).startswith("asyncio.")


def test_ctrl_c_ends_what_runs_and_lets_it_finish() -> None:
    finished = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            finished.append(True)

    with pytest.raises(KeyboardInterrupt):
        event_loop.run(work())
    assert finished
