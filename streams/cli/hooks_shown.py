"""How a test of a hook looks: what came back, how long each step took, and what to do where it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson

from contracts.retailers import Hook
from streams.agents.hook_calls import GONE
from streams.callers.hook import NOT_HTTPS, UNSIGNED
from streams.callers.hook_trial import TEST, Trial
from streams.cli.letters_shown import harmless, instant

# A certificate that ends sooner should have been renewed: most are, with a month to go.
SOON = timedelta(days=21)

# By how an error begins or what is in it; the first that fits.
_REMEDIES: tuple[tuple[str, str], ...] = (
    (NOT_HTTPS, "write https://… in the retailers file; for a test of your own, allow_private: true beside it"),
    (UNSIGNED, "put the secret that secret_ref names into the secrets directory (docs/retailers.md, Secrets)"),
    ("secret cannot be used", "mend the secret's file (docs/retailers.md, Secrets)"),
    ("is no public address", "the hook must lead to a public address; for a test of your own, allow_private: true"),
    ("expired", "the receiver must renew its certificate"),
    ("Hostname mismatch", "the hook's host must be one that the receiver's certificate names"),
    ("certificate is not trusted", "the receiver must show a certificate of a public CA, with the CAs in between"),
    ("TLS failed", "the receiver must speak TLS 1.2 or newer at this address and port"),
    ("no connection within", "are host and port right, is the receiver up, does a firewall let this machine through?"),
    ("ClientConnectorDNSError", "this machine finds no address for the hook's host: is its name right?"),
    ("connecting failed", "nobody listens there: are host and port right, is the receiver up?"),
    ("the hook's address", "the hook's address is none that can be called: write https://host/path"),
    (
        "no answer within",
        "the receiver took the call and did not answer in time: it should answer first, and then work",
    ),
    ("reading the answer failed", "the receiver broke off: its log has this webhook-id, if it came so far"),
)
_OF_STATUS: dict[int, str] = {
    400: "the receiver does not understand the body: is this hook its, and `format` right?",
    401: "the receiver does not accept our proof: compare signing key, username and password with its owner",
    403: "the receiver knows us and forbids it: ask its owner",
    404: "there is nothing at this path: compare the hook's address with its owner",
    GONE: "the receiver has removed this hook: a real update would stop it; ask its owner for the new address",
    415: "the receiver wants another kind of body than application/json: is this hook its?",
    422: "the receiver does not accept the body: is `format` right?",
    429: "the receiver takes no more for now: try again later",
}


def whole(trial: Trial, hook: Hook, now: datetime) -> Iterator[str]:
    """All of it, line by line."""
    answer, seen = trial.answer, trial.seen
    yield f"webhook-id   {trial.webhook_id}; order and parcel {TEST}"
    yield f"answer       {_answer(trial)}"
    if seen.body:
        yield f"             {_first_line(seen.body)}"
    steps = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in seen.steps.items())
    yield f"took         {answer.duration_ms:.0f} ms{f': {steps}' if steps else ''}"
    ends = seen.certificate_ends
    if ends is not None:
        yield f"certificate  until {instant(ends)} ({(ends - now).days} days), {seen.tls_version}"
    yield from (f"note         {said}" for said in _notes(trial, hook, now))
    remedy = remedy_for(trial)
    if remedy is not None:
        yield f"remedy       {remedy}"


def line(trial: Trial, now: datetime) -> str:
    """The same for programs, on one line of JSON."""
    seen = trial.seen
    told = {
        "webhook_id": trial.webhook_id,
        "accepted": trial.answer.accepted,
        **trial.answer.model_dump(mode="json"),
        "steps_ms": {name: round(seconds * 1000, 1) for name, seconds in seen.steps.items()},
        "certificate_ends": seen.certificate_ends,
        "tls": seen.tls_version,
        "location": seen.location,
        "body": seen.body.decode(errors="replace"),
        "remedy": remedy_for(trial),
        "payload": trial.payload,
    }
    return orjson.dumps(told).decode()


def remedy_for(trial: Trial) -> str | None:
    """What to do; None where the receiver took it."""
    answer = trial.answer
    if answer.accepted:
        return None
    if trial.seen.location is not None and answer.status is not None and 300 <= answer.status < 400:
        return f"write the address that it points to into the retailers file: {trial.seen.location}"
    if answer.status is not None:
        by_its_owner = "the receiver failed: its owner finds the webhook-id in its log"
        return _OF_STATUS.get(answer.status, by_its_owner)
    error = answer.error or ""
    return next((remedy for part, remedy in _REMEDIES if part in error), "see the error; its words are the client's")


def _answer(trial: Trial) -> str:
    if trial.answer.accepted:
        return f"HTTP {trial.answer.status}: taken"
    return trial.answer.error or f"HTTP {trial.answer.status}"


def _notes(trial: Trial, hook: Hook, now: datetime) -> Iterator[str]:
    if hook.secret_ref is None:
        yield "the hook names no secret: nothing proves to the receiver that this comes from us"
    if hook.allow_private:
        yield "allow_private is on: for tests alone, a live hook must do without"
    ends = trial.seen.certificate_ends
    if ends is not None and ends - now < SOON:
        yield "the certificate ends soon: once it has, nothing is delivered"


def _first_line(body: bytes) -> str:
    return " ".join(harmless(body.decode(errors="backslashreplace")).split())
