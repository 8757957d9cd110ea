"""Shows how the demo goes: a live picture on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.live import Live

from demo.hook import HookSimulator
from demo.reading import TopicReader
from demo.stack import Stack
from demo.view import Screen

# Four pictures a second are enough for an eye and cost a busy machine little.
PICTURE_S = 0.25
LINE_S = 2.0


@asynccontextmanager
async def watching(
    console: Console, stack: Stack, screen: Screen, reader: TopicReader, hook: HookSimulator
) -> AsyncIterator[None]:
    """While it is entered, people see what happens."""
    show = _pictures if console.is_terminal else _lines
    tasks = [
        asyncio.create_task(_states(stack, screen)),
        asyncio.create_task(show(console, screen, reader, hook)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _states(stack: Stack, screen: Screen) -> None:
    """Ask each process until it is ready; afterwards only whether it still runs."""
    while True:
        for name in list(stack.pids):
            code = stack.exit_code(name)
            if code is not None:
                screen.states[name] = f"ended ({code})"
            elif screen.states.get(name) != "ready":
                ready = await asyncio.to_thread(stack.ready, name)
                screen.states[name] = "ready" if ready else "starting"
        await asyncio.sleep(PICTURE_S)


async def _pictures(console: Console, screen: Screen, reader: TopicReader, hook: HookSimulator) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(screen.render(reader.seen, list(hook.received)), refresh=True)
            await asyncio.sleep(PICTURE_S)


async def _lines(console: Console, screen: Screen, reader: TopicReader, hook: HookSimulator) -> None:
    last = ""
    while True:
        ready = sum(state == "ready" for state in screen.states.values())
        accepted = len(hook.accepted())
        seen = reader.seen
        line = (
            f"  {screen.step}: {ready} processes ready, {screen.sent} sent, {screen.refused} refused; "
            f"{len(seen.orders)} orders, {len(seen.units)} units, {len(seen.actions)} actions, {accepted} updates told"
        )
        if line != last:
            console.print(line, markup=False, highlight=False)
            last = line
        await asyncio.sleep(LINE_S)
