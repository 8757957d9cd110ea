"""Waits with a bound: begun at once, ended in time, and a cancellation reaches whoever waits."""

from __future__ import annotations

import asyncio
import time

import pytest

from producers.waiting import Begun, Deadlines


async def returns(value: int, *gates: asyncio.Event) -> int:
    for gate in gates:
        await gate.wait()
    return value


async def test_what_need_not_wait_has_ended_at_once() -> None:
    begun = Begun(returns(7))
    assert (begun.ended, begun.result) == (True, 7)
    assert await begun == 7


async def test_what_waits_goes_on_from_there() -> None:
    gates = asyncio.Event(), asyncio.Event()
    begun = Begun(returns(7, *gates))
    assert not begun.ended
    for delay, gate in enumerate(gates):
        asyncio.get_running_loop().call_later(0.01 * delay, gate.set)
    assert await begun == 7
    assert (begun.ended, begun.result) == (True, 7)


async def test_an_error_comes_out_wherever_it_is_raised() -> None:
    async def fails(gate: asyncio.Event | None) -> None:
        if gate is not None:
            await gate.wait()
        raise OverflowError

    with pytest.raises(OverflowError):
        Begun(fails(None))
    gate = asyncio.Event()
    begun = Begun(fails(gate))
    gate.set()
    with pytest.raises(OverflowError):
        await begun


async def test_time_that_is_up_is_heard_inside_and_outside() -> None:
    heard: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            await asyncio.sleep(0)  # it may still have to tidy up
            heard.append("tidied up")
            raise

    begun = Begun(waits())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await begun
    assert heard == ["cancelled", "tidied up"]


async def test_deadlines_end_those_whose_time_is_up_and_nobody_else() -> None:
    deadlines, loop, now = Deadlines(), asyncio.get_running_loop(), time.monotonic()
    late, soon, answered = (loop.create_future() for _ in range(3))
    waits = [
        asyncio.ensure_future(deadlines.wait(future, now + seconds))
        for future, seconds in [(late, 60), (soon, 0.05), (answered, 0.05)]
    ]
    await asyncio.sleep(0)
    answered.set_result(None)
    with pytest.raises(TimeoutError):
        await waits[1]
    await waits[2]
    assert not waits[0].done()
    late.set_result(None)
    await waits[0]


async def test_a_deadline_that_has_passed_already_ends_the_wait_too() -> None:
    with pytest.raises(TimeoutError):
        await Deadlines().wait(asyncio.get_running_loop().create_future(), time.monotonic() - 1)


async def test_a_wait_that_is_cancelled_is_forgotten() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    wait = asyncio.ensure_future(deadlines.wait(loop.create_future(), time.monotonic() + 60))
    await asyncio.sleep(0)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    again = loop.create_future()
    loop.call_later(0.01, again.set_result, None)
    await deadlines.wait(again, time.monotonic() + 60)
