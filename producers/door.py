"""One request through the door: read within bounds, verify, split, publish, answer."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from contracts.trace import Trace
from producers import tracing
from producers.accounts import Account
from producers.answers import Answer
from producers.budget import Budget
from producers.incoming import ClientGone, Incoming
from producers.metrics import Metrics
from producers.problems import Problem, TooMany, Unauthenticated, Unavailable
from producers.publisher import Publishes
from producers.refusals import Refusals
from producers.retailers import Directory
from producers.sources.base import Received, Sender, Split
from producers.tracing import Receiving

log = structlog.get_logger(__name__)

# From the body's last byte to the answer; less than the 2.5 s that are promised by what the loop may be late.
ANSWER_WITHIN_S = 2.4
# Of the requests in flight, one sender may have half and one of its accounts a quarter: the others are still served.
SENDERS_SHARE, ACCOUNTS_SHARE = 2, 4


@dataclass(slots=True)
class Door:
    """What all requests share. `draining`: `/readyz` says no, while those under way are still served.

    clock: seconds since 1970, for signatures that hold the time of sending.
    """

    accounts: Mapping[str, Sequence[Account]]
    directory: Directory
    publisher: Publishes
    metrics: Metrics
    reading: Budget
    max_requests: int
    retailers_known: Callable[[], bool]
    clock: Callable[[], float] = time.time
    draining: bool = False
    requests: int = field(default=0, init=False)
    shares: Counter[str] = field(default_factory=Counter, init=False)
    refusals: Refusals = field(default_factory=Refusals, init=False)

    def not_ready(self) -> list[str]:
        """Why requests would not be taken now; empty when they would."""
        reasons = {
            "draining": self.draining,
            "the retailers are not read yet": not self.retailers_known(),
            "the brokers do not answer": not self.publisher.ready,
        }
        return [reason for reason, holds in reasons.items() if holds]

    async def answer(self, sender: Sender[Any], request: Incoming) -> Answer:
        """The answer to one request, whatever happens."""
        with Receiving(sender.path, request) as receiving:
            answer = await self._answer(sender, request, receiving.trace)
            receiving.answered(answer.status)
        return answer

    async def _answer(self, sender: Sender[Any], request: Incoming, trace: Trace) -> Answer:
        began = time.monotonic()
        self.requests += 1
        try:
            answer = await self._taken(sender, request, trace)
        except Problem as problem:
            answer = problem.answer()
            self.refusals.say(sender.name, problem)
        except ClientGone:
            # 499 is nginx's word for it; it only ever reaches the metrics.
            answer = Answer(499)
        except asyncio.CancelledError:
            # Only the server does that, once a drain has lasted long enough; what was under way may have been written.
            answer = Unavailable("this process is stopping").answer()
            answer.closing()
        except Exception as error:
            # A bug. Its message may hold a piece of the body, so only its kind and its place are logged.
            answer = Problem().answer()
            log.error("bug", action="bug", sender=sender.name, error=type(error).__name__, where=_place(error))
        finally:
            self.requests -= 1
        if self.draining:
            # The port closes in a moment: the next request is not to meet that on this connection.
            answer.closing()
        self.metrics.answered(sender.name, answer.status, time.monotonic() - began)
        return answer

    async def _taken(self, sender: Sender[Any], request: Incoming, trace: Trace) -> Answer:
        if self.requests > self.max_requests:
            raise Unavailable("too many requests are in flight", cause="full")
        request.check(any_type=sender.keeps)
        if self._full(sender):
            raise TooMany("all accounts of this sender have as many as they may")
        try:
            with _Share(self, sender.accounts, SENDERS_SHARE):
                split = await self._published(sender, request, trace)
        finally:
            self.reading.give(request.taken)
        self._count(sender, split)
        if split.answer is None:
            return Answer(200)
        return Answer(200, orjson.dumps(split.answer), "application/json")

    async def _published(self, sender: Sender[Any], request: Incoming, trace: Trace) -> Split:
        raw = await request.body(self.reading)
        until = time.monotonic() + ANSWER_WITHIN_S
        account, received = self._verified(sender, request, raw)
        with _Share(self, _name(sender, account), ACCOUNTS_SHARE):
            split = sender.split(account, received, self.directory)
            if split.messages:
                await tracing.publish(self.publisher, split.messages, until, trace)
        return split

    def _full(self, sender: Sender[Any]) -> bool:
        """Whether it would be sent away in the end, whichever account's it is: then at once, before its body is read.

        Under five times the load reading, verifying and then refusing left little for those that were let in.
        """
        accounts, most = self.accounts.get(sender.accounts, ()), self.most(ACCOUNTS_SHARE)
        return bool(accounts) and all(self.shares[_name(sender, account)] >= most for account in accounts)

    def most(self, share: int) -> int:
        """How many requests are one part in `share` of those that may be in flight."""
        return max(1, self.max_requests // share)

    def _verified(self, sender: Sender[Any], request: Incoming, raw: bytes) -> tuple[Account, Received]:
        received = Received(request.headers, raw, request.path_token, request.query, self.clock())
        account = sender.verify(received, self.accounts.get(sender.accounts, ()))
        if account is None:
            raise Unauthenticated
        if not account.reaches_us_from(request.host):
            # Nobody outside learns that the secret was right.
            log.warning("not from its networks", action="foreign_network", sender=sender.name, account=account.name)
            raise Unauthenticated
        # Before its end is reached, an unknown name may only be one that is not read yet.
        if not self.retailers_known():
            raise Unavailable("the retailers are not read yet", cause="retailers")
        return account, received

    def _count(self, sender: Sender[Any], split: Split) -> None:
        self.metrics.took(sender.name, split.outcome)
        for reason in split.kept:
            self.metrics.kept.labels(sender.name, reason).inc()
            log.warning("kept in the dead letters", action="kept", sender=sender.name, reason=reason)


class _Share:
    """One request of a sender or an account among those in flight. TooMany where its share is used up."""

    __slots__ = ("_shares", "_whose")

    def __init__(self, door: Door, whose: str, of: int) -> None:
        most = door.most(of)
        if door.shares[whose] >= most:
            raise TooMany(f"at most {most} at once")
        self._shares, self._whose = door.shares, whose

    def __enter__(self) -> None:
        self._shares[self._whose] += 1

    def __exit__(self, *error: object) -> None:
        self._shares[self._whose] -= 1


def _name(sender: Sender[Any], account: Account) -> str:
    return f"{sender.accounts}/{account.name}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
