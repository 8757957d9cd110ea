"""A wait of the tests ends when its condition holds, and otherwise says what did not happen."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import eventually, wait_until

SHORT_S = 0.05


def test_who_waits_in_vain_is_told_for_what() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.05 s: rain"):
        wait_until(lambda: False, "rain", SHORT_S)


@pytest.mark.parametrize("is_awaited", [False, True])
async def test_the_loop_goes_on_meanwhile(is_awaited: bool) -> None:
    happened = asyncio.Event()

    async def asked() -> bool:
        return happened.is_set()

    asyncio.get_running_loop().call_later(SHORT_S, happened.set)
    await eventually(asked if is_awaited else happened.is_set, "rain")
    assert happened.is_set()


async def test_who_waits_in_vain_on_the_loop_is_told_for_what() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.05 s: rain"):
        await eventually(lambda: False, "rain", SHORT_S)


async def test_a_condition_that_never_answers_is_late_too() -> None:
    async def hangs() -> bool:
        await asyncio.sleep(3600)
        return True

    with pytest.raises(AssertionError, match=r"not within 0.05 s: rain"):
        await eventually(hangs, "rain", SHORT_S)


async def test_a_condition_that_fails_of_itself_is_not_late() -> None:
    async def fails() -> bool:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await eventually(fails, "rain")
