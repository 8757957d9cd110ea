"""Accounts that change while we run: their settings are read again every few seconds, secrets in files among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from producers.accounts import Account

log = structlog.get_logger(__name__)

# Reading takes some milliseconds of a thread; Kubernetes itself takes a minute to carry a changed secret to a pod.
READ_EVERY_S = 5.0

Accounts = Mapping[str, Sequence[Account]]


class Rereading:
    """Tells of accounts that have changed. What cannot be read is logged, and the accounts stay as they were."""

    def __init__(self, read: Callable[[], Accounts], known: Accounts, changed: Callable[[Accounts], None]) -> None:
        self._read = read
        self._known = known
        self._changed = changed
        self._unreadable = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._watch(), name="accounts-rereading")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(READ_EVERY_S)
            await self._look()

    async def _look(self) -> None:
        try:
            accounts = await asyncio.to_thread(self._read)
        except Exception as error:  # whatever it is, the next file may be sound (100,000 brackets: a RecursionError)
            if not self._unreadable:
                # Its message may quote what stands in the file.
                log.error("accounts stay as they were", action="accounts_unreadable", error=type(error).__name__)
            self._unreadable = True
            return
        self._unreadable = False
        if accounts != self._known:
            self._known = accounts
            self._changed(accounts)
            # Of whom there is none any more, every request will be a 401.
            count = {sender: len(known) for sender, known in accounts.items()}
            log.info("accounts read again", action="accounts_reread", accounts=count)
