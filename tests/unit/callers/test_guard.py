"""Where a hook's connection may lead to: certificates that are wrong, and names that lead to what is ours."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from contracts.retailers import Hook
from streams.agents.tracking_forward import HookAnswer
from streams.callers import guard
from streams.callers.guard import NotPublic, Resolver
from streams.callers.hook import HookCaller
from tests.builders import retailer
from tests.unit.callers.certificates import serving, trusting
from tests.unit.callers.hook_kit import PATIENT, Kept, call
from tests.unit.callers.receiver import receiver, status

PUBLIC, MIRROR = "1.1.1.1", "2606:4700::1111"


def leading(*addresses: str) -> tuple[Resolver, list[str]]:
    """A resolver by which every name leads there, and the names that it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return list(addresses)

    return resolve, asked


@asynccontextmanager
async def caller_of(
    url: str, verify: ssl.SSLContext | None = None, *, private: bool = True, resolver: Resolver = guard.resolve
) -> AsyncIterator[HookCaller]:
    known = {"acme": retailer("acme").model_copy(update={"hook": Hook(url=url, allow_private=private)})}
    caller = HookCaller(known, Kept(), timeouts=PATIENT, verify=verify, resolver=resolver)
    try:
        yield caller
    finally:
        await caller.aclose()


class TestTls:
    async def refused(self, chain: Path, trusted: ssl.SSLContext | None, host: str = "127.0.0.1") -> HookAnswer:
        """The answer of a receiver with this certificate, which must not have heard anything."""
        resolver, _ = leading("127.0.0.1")
        async with (
            receiver(status("200 OK"), serving(chain)) as it,
            caller_of(it.url.replace("127.0.0.1", host), trusted, resolver=resolver) as caller,
        ):
            answer = await caller(call())
        assert it.received == []
        return answer

    async def test_a_certificate_that_nobody_vouches_for(self, for_loopback: Path) -> None:
        answer = await self.refused(for_loopback, None)

        assert answer.error == "the certificate is not trusted: self-signed certificate"

    async def test_an_expired_certificate(self, expired: Path) -> None:
        answer = await self.refused(expired, trusting(expired))

        assert answer.error == "the certificate is not trusted: certificate has expired"

    async def test_another_hosts_certificate(self, for_loopback: Path) -> None:
        answer = await self.refused(for_loopback, trusting(for_loopback), host="other.example")

        assert "Hostname mismatch" in (answer.error or "")

    async def test_the_name_is_proved_although_its_address_is_dialled(self, for_loopback: Path) -> None:
        resolver, asked = leading("127.0.0.1")
        async with receiver(status("200 OK"), serving(for_loopback)) as it:
            url = it.url.replace("127.0.0.1", "hook.example")
            async with caller_of(url, trusting(for_loopback), resolver=resolver) as caller:
                answer = await caller(call())

        (request,) = it.received
        assert (answer.accepted, asked) == (True, ["hook.example"])
        assert request.headers["host"].startswith("hook.example:")

    def test_nothing_older_than_1_2_is_spoken(self) -> None:
        assert guard.tls().minimum_version is ssl.TLSVersion.TLSv1_2
        assert guard.tls().verify_mode is ssl.CERT_REQUIRED


class Network:
    """One where nobody answers: what was dialled, and how it is asked to."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def dial(self, address: tuple[Any, ...]) -> socket.socket:
        self.addresses.append(address[4][0])
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    async def ask(self, resolver: Resolver, host: str = "hook.example") -> BaseException | None:
        """What became of a call, as the connector tells it."""
        connecting = guard.connector(
            guarded=True, verify=guard.tls(), resolver=resolver, timeout_s=3, dialler=self.dial
        )
        async with aiohttp.ClientSession(connector=connecting) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.post(f"https://{host}/")
        return caught.value.os_error


class TestAddresses:
    async def test_what_was_judged_is_dialled_and_the_name_never_asked_again(self) -> None:
        network, (resolver, asked) = Network(), leading(MIRROR, PUBLIC)

        assert isinstance(await network.ask(resolver), ConnectionRefusedError)

        assert (asked, set(network.addresses)) == (["hook.example"], {MIRROR, PUBLIC})

    @pytest.mark.parametrize(
        "addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["fd00:ec2::254", MIRROR], ["::ffff:169.254.169.254"]]
    )
    async def test_one_private_address_is_one_too_many(self, addresses: list[str]) -> None:
        network, (resolver, _) = Network(), leading(*addresses)

        assert isinstance(await network.ask(resolver), NotPublic)

        assert network.addresses == []

    async def test_a_name_that_changes_to_a_private_address_is_refused_then(self) -> None:
        answers = iter([[PUBLIC], ["169.254.169.254"]])
        network = Network()

        async def rebinding(host: str, port: int) -> list[str]:
            return next(answers)

        assert isinstance(await network.ask(rebinding), ConnectionRefusedError)
        error = await network.ask(rebinding)

        assert "169.254.169.254 is no public address: link-local" in str(error)
        assert set(network.addresses) == {PUBLIC}

    @pytest.mark.parametrize("host", ["10.0.0.1", "[::1]", "[::ffff:10.0.0.1]"])
    async def test_an_address_in_the_url_is_judged_too_although_nothing_is_resolved(self, host: str) -> None:
        network, (resolver, asked) = Network(), leading(PUBLIC)

        assert isinstance(await network.ask(resolver, host), NotPublic)

        assert (asked, network.addresses) == ([], [])

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0", "localhost"]
    )
    async def test_however_this_machine_is_written_it_is_not_called(self, host: str, for_loopback: Path) -> None:
        async with receiver(status("200 OK"), serving(for_loopback)) as it:
            url = it.url.replace("127.0.0.1", host)
            async with caller_of(url, trusting(for_loopback), private=False) as caller:
                answer = await caller(call())

        assert it.received == []
        assert answer.status is None
        # What is no address as one writes it today is refused before it is judged.
        assert "is no public address" in (answer.error or "") or (answer.error or "").startswith("the hook's address")

    async def test_a_connection_that_one_retailer_may_open_is_not_there_for_another(self, for_loopback: Path) -> None:
        async with receiver(status("200 OK"), serving(for_loopback)) as it:
            known = {"acme": retailer("acme", hook=it.url)}
            caller = HookCaller(known, Kept(), timeouts=PATIENT, verify=trusting(for_loopback))
            first = await caller(call())
            known["acme"] = known["acme"].model_copy(update={"hook": Hook(url=it.url)})
            second = await caller(call())
            await caller.aclose()

        assert first.accepted
        assert "127.0.0.1 is no public address: loopback" in (second.error or "")
        assert len(it.received) == 1

    async def test_plain_http_is_not_spoken(self) -> None:
        async with receiver(status("200 OK")) as it, caller_of(it.url, private=False) as caller:
            answer = await caller(call())

        assert it.received == []
        assert answer.error == "nothing was sent: the hook's address is not https"

    async def test_a_redirect_to_a_metadata_address_is_not_followed(self) -> None:
        there = "location: http://169.254.169.254/latest/meta-data/"
        async with receiver(status("302 Found", there)) as it, caller_of(it.url) as caller:
            answer = await caller(call())

        assert (answer.status, len(it.received)) == (302, 1)
        assert "not followed" in (answer.error or "")

    async def test_a_name_that_leads_nowhere(self) -> None:
        async def unknown(host: str, port: int) -> list[str]:
            raise OSError("Name or service not known")

        async with caller_of("https://hook.example/", private=False, resolver=unknown) as caller:
            answer = await caller(call())

        assert (answer.error or "").startswith("connecting failed")


class TestNames:
    """A name server that does not answer for one name, and what that costs the others."""

    @pytest.fixture
    def hanging(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """The names that were asked for; one of them never comes back before the test is over."""
        asked: list[str] = []
        over = threading.Event()
        found = socket.getaddrinfo

        def look_up(host: str, port: int, **how: Any) -> Any:
            asked.append(host)
            if host == "hole.example":
                over.wait(20)
            return found("127.0.0.1", port, **how)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        yield asked
        over.set()

    async def test_one_that_hangs_holds_up_no_other(self, hanging: list[str]) -> None:
        waiting = [asyncio.create_task(guard.resolve("hole.example", 443)) for _ in range(200)]
        await asyncio.sleep(0)

        async with asyncio.timeout(5):
            assert await guard.resolve("well.example", 443) == ["127.0.0.1"]
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def test_who_asks_later_is_answered_anew(self, hanging: list[str]) -> None:
        await asyncio.gather(*(guard.resolve("well.example", 443) for _ in range(5)))
        await guard.resolve("well.example", 443)

        assert hanging == ["well.example"] * 2

    async def test_who_gives_up_spoils_nothing_for_who_waits(self, hanging: list[str]) -> None:
        first, second = (asyncio.create_task(guard.resolve("well.example", 443)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()

        assert await second == ["127.0.0.1"]


async def test_nothing_secret_is_logged_or_answered(caplog: pytest.LogCaptureFixture) -> None:
    secrets = Kept(signing="whsec_aHVzaGh1c2hodXNoaHVzaA==", username="seko", password="hunter2")
    answers: list[HookAnswer] = []
    with caplog.at_level(logging.DEBUG):
        async with receiver(status("500 Oops", body=b"password hunter2 is wrong")) as it:
            known = {"acme": retailer("acme", hook=it.url, secret_ref="acme/hook")}
            caller = HookCaller(known, secrets, timeouts=PATIENT)
            answers.append(await caller(call()))
        answers.append(await caller(call()))
        await caller.aclose()

    said = caplog.text + "".join(answer.model_dump_json() for answer in answers)
    assert it.received[0].headers["password"] == "hunter2"
    for secret in ("hunter2", "aHVzaGh1c2hodXNoaHVzaA", "querysecret", it.received[0].headers["webhook-signature"]):
        assert secret not in said
