"""A test update to a real receiver on loopback: what is sent, what is seen of it, and what one is told to do."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from contracts.retailers import Hook, Retailer
from streams.callers.guard import Resolver
from streams.callers.hook import USER_AGENT
from streams.callers.hook_trial import TEST, Trial, try_hook
from streams.cli import hooks_shown
from tests.builders import retailer
from tests.unit.callers.certificates import serving, trusting
from tests.unit.callers.hook_kit import SIGNING, Kept
from tests.unit.callers.receiver import receiver, status

NOW = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)


def acme(url: str, *, private: bool = True, secret: bool = False) -> Retailer:
    hook = Hook(url=url, allow_private=private, secret_ref="acme/hook" if secret else None)
    return retailer("acme").model_copy(update={"hook": hook})


def shown(trial: Trial, of: Retailer) -> str:
    assert of.hook is not None
    return "\n".join(hooks_shown.whole(trial, of.hook, NOW))


async def leading_home(host: str, port: int) -> list[str]:
    """Every name leads to this machine."""
    return ["127.0.0.1"]


async def test_it_is_sent_as_a_real_one_and_marked() -> None:
    async with receiver(status("200 OK")) as it:
        trial = await try_hook(acme(it.url, secret=True), Kept(signing=SIGNING, username="seko"), NOW)

    (request,) = it.received
    [element] = json.loads(request.body)
    assert (element["OrderNo"], element["ConsignmentNo"], element["Code"]) == (TEST, TEST, "RT")
    Webhook(SIGNING).verify(request.body, {**request.headers})
    assert request.headers["webhook-id"] == trial.webhook_id
    assert trial.webhook_id.startswith("test-")
    assert (request.headers["user-agent"], request.headers["username"]) == (USER_AGENT, "seko")


async def test_each_step_of_a_secured_call_is_timed_and_the_certificate_looked_at(for_loopback: Path) -> None:
    async with receiver(status("200 OK", body=b"thanks \x1b[2J"), serving(for_loopback)) as it:
        of = acme(it.url.replace("127.0.0.1", "hook.example"))
        trial = await try_hook(of, Kept(), NOW, verify=trusting(for_loopback), resolver=leading_home)

    assert trial.answer.accepted
    assert list(trial.seen.steps) == ["DNS", "connect", "TLS", "first byte"]
    assert all(seconds >= 0 for seconds in trial.seen.steps.values())
    assert sum(trial.seen.steps.values()) * 1000 <= trial.answer.duration_ms
    assert trial.seen.certificate_ends is not None
    text = shown(trial, of)
    assert "HTTP 200: taken" in text
    assert "thanks \\x1b[2J" in text
    assert "the certificate ends soon" in text
    assert "TLSv1.3" in text
    assert "remedy" not in text


async def test_without_tls_or_a_name_there_are_no_such_steps() -> None:
    async with receiver(status("200 OK")) as it:
        trial = await try_hook(acme(it.url), Kept(), NOW)

    assert list(trial.seen.steps) == ["connect", "first byte"]
    assert "the hook names no secret" in shown(trial, acme(it.url))


@pytest.mark.parametrize(
    ("line", "headers", "remedy"),
    [
        ("401 No", (), "compare signing key, username and password"),
        ("404 No", (), "compare the hook's address"),
        ("410 Gone", (), "a real update would stop it"),
        ("503 Down", (), "its owner finds the webhook-id in its log"),
        ("308 There", ("location: https://new.example/hook?token=secret",), "retailers file: https://new.example/hook"),
    ],
)
async def test_a_refusal_comes_with_its_remedy(line: str, headers: tuple[str, ...], remedy: str) -> None:
    async with receiver(status(line, *headers, body=b"why not")) as it:
        of = acme(it.url)
        trial = await try_hook(of, Kept(), NOW)

    text = shown(trial, of)
    assert not trial.answer.accepted
    assert remedy in text
    assert "why not" in text
    assert "secret" not in text.replace("names no secret", "")


async def fails(of: Retailer, verify: ssl.SSLContext | None = None, resolver: Resolver = leading_home) -> str:
    secrets = Kept() if of.hook is not None and of.hook.secret_ref else Kept(signing=SIGNING)
    trial = await try_hook(of, secrets, NOW, verify=verify, resolver=resolver)
    assert not trial.answer.accepted
    assert json.loads(hooks_shown.line(trial, NOW))["accepted"] is False
    return shown(trial, of)


async def test_what_is_not_sent_says_why_and_what_to_do(for_loopback: Path, expired: Path) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async with receiver(status("200 OK"), serving(for_loopback)) as it:
        named = it.url.replace("127.0.0.1", "hook.example")
        assert "the hook must lead to a public address" in await fails(acme(named, private=False))
        assert "write https://" in await fails(acme("http://hook.example/", private=False))
        assert "put the secret that secret_ref names" in await fails(acme(named, secret=True))
        assert "finds no address" in await fails(acme(named), resolver=nowhere)
        assert "a certificate of a public CA" in await fails(acme(named))
        elsewhere = it.url.replace("127.0.0.1", "other.example")
        assert "one that the receiver's certificate names" in await fails(acme(elsewhere), trusting(for_loopback))
        assert it.received == []
        gone = it.url
    async with receiver(status("200 OK"), serving(expired)) as it:
        assert "must renew its certificate" in await fails(acme(it.url), trusting(expired))
    assert "nobody listens there" in await fails(acme(gone), trusting(for_loopback))
