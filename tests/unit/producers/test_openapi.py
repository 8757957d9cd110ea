"""The Upload API's document: valid, as checked in, true of what the code takes; and schemathesis finds nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, validators
from schemathesis import Case
from schemathesis.specs.openapi.checks import missing_required_header

from producers import body_schemas, openapi
from producers.app import build
from producers.budget import Budget
from producers.problems import Invalid
from producers.sources import omnirps_events, omnirps_returns, omnirps_status
from producers.sources.base import Received, Split, parse
from streams.domain.fields import local_datetime
from tests.unit.producers.support import ACME_TOKEN, body, directory, door_of
from tests.unit.producers.test_door import MemoryPublisher
from tests.unit.producers.test_no_surprises import paths, put

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", " ", "#", " # ", "-", "a" * 300, "2026-11-09 12:00:00", "CLOSED"])
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=5), scalars, max_size=2)
DOCUMENT: dict[str, Any] = json.loads(openapi.rendered())
KNOWN = directory()
TOKEN = {"token": "acme-token"}
ACME = {**TOKEN, "retailer": "Acme Outdoors"}

publisher = MemoryPublisher()
app = build(door_of({"omnirps": [ACME_TOKEN]}, publisher, directory=KNOWN, reading=Budget(64 * 1024 * 1024)))
api = schemathesis.openapi.from_asgi("/openapi.json", app)


def known_retailer(described: dict[str, Any]) -> dict[str, Any]:
    """The document, in which the one retailer who is known here stands as the only right one."""
    text = json.dumps(described)
    header = json.dumps(openapi.RETAILER["schema"])
    in_body = json.dumps(body_schemas.status()["properties"]["Retailer"])
    assert header in text
    assert in_body in text
    del described["paths"]["/omnirps/return-status"]["post"]["parameters"]
    text = json.dumps(described)
    only = '{"const": "Acme Outdoors"}'
    found: dict[str, Any] = json.loads(text.replace(f'"schema": {header}', f'"schema": {only}').replace(in_body, only))
    return found


schemathesis.openapi.format("local-date-time", st.datetimes().map(lambda at: at.isoformat(" ", "seconds")))
narrow = schemathesis.openapi.from_dict(known_retailer(json.loads(openapi.rendered())))
narrow.app = app

OPERATIONS: dict[str, tuple[dict[str, Any], Callable[..., Split], str]] = {
    "returns": (body_schemas.uploads(), omnirps_returns.split, "omnirps/returns.json"),
    "events": (body_schemas.events(), omnirps_events.split, "omnirps/events.json"),
    "return-status": (body_schemas.status(), omnirps_status.split, "omnirps/return_status.json"),
}


def test_it_is_a_valid_openapi_document() -> None:
    api.validate()


def test_what_is_served_and_what_is_checked_in_is_as_generated() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.rendered()
    assert api.raw_schema == DOCUMENT


def test_a_file_that_has_drifted_is_noticed_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "FILE", tmp_path / "openapi.json")
    assert openapi.main(["--check"]) == 1
    assert openapi.main([]) == 0
    assert openapi.main(["--check"]) == 0
    openapi.FILE.write_text(openapi.rendered().replace("RMA-7", "RMA-8"))
    assert openapi.main(["--check"]) == 1


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_fit_their_schemas_and_are_taken(name: str) -> None:
    schema, split, fixture = OPERATIONS[name]
    Draft202012Validator.check_schema(schema)
    content = DOCUMENT["paths"][f"/omnirps/{name}"]["post"]["requestBody"]["content"]["application/json"]
    assert content["schema"] == schema
    for example in (content["example"], json.loads(body(fixture))):
        Draft202012Validator(schema).validate(example)
        assert split(ACME_TOKEN, Received(ACME, json.dumps(example).encode()), KNOWN).messages


def test_every_problem_and_every_result_is_as_described() -> None:
    problem = Draft202012Validator(DOCUMENT["components"]["schemas"]["Problem"])
    for response in DOCUMENT["components"]["responses"].values():
        problem.validate(response["content"]["application/problem+json"]["example"])
    answer = omnirps_returns.split(ACME_TOKEN, Received(ACME, body("omnirps/returns.json")), KNOWN).answer
    Draft202012Validator(body_schemas.results()).validate(answer)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_the_schema_takes_the_code_takes_and_nothing_else(name: str, data: st.DataObject) -> None:
    schema, split, fixture = OPERATIONS[name]
    value = json.loads(body(fixture))
    for _ in range(data.draw(st.integers(1, 2))):
        where = data.draw(st.sampled_from(paths(value)))
        # The retailer is looked for before anything else; that there is none of this name is a 404.
        if where[-1:] != ("Retailer",):
            value = put(value, where, data.draw(values))
    taken = True
    try:
        split(ACME_TOKEN, Received(ACME, json.dumps(value).encode()), KNOWN)
    except Invalid:
        taken = False
    except Exception as error:
        raise AssertionError(value) from error
    assert taken == fits(schema, parse(json.dumps(value).encode())), value


# JSON Schema has 1.0 for an integer; 1001.0 is nobody's order number.
Exact = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)
formats = FormatChecker(formats=())


@formats.checks("local-date-time")
def is_a_time(value: object) -> bool:
    return not isinstance(value, str) or local_datetime(value) is not None


def fits(schema: dict[str, Any], value: Any) -> bool:
    return bool(Exact(schema, format_checker=formats).is_valid(value))


@narrow.parametrize()
@settings(
    max_examples=10, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_schemathesis_finds_nothing(case: Case[Any]) -> None:
    """No 5xx, no undocumented status, type, header or body; what fits is taken, what does not fit is refused."""
    publisher.written.clear()
    response = case.call(headers=TOKEN)
    # Without the header the retailer has no name, which nobody has: 404, as for any other that is not known.
    case.validate_response(response, headers=TOKEN, excluded_checks=[missing_required_header])
    assert response.status_code == 200 or not publisher.written


async def test_a_return_is_told_apart_by_its_rma_and_a_near_name_is_said() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingress") as client:
        answers = [await client.post("/omnirps/returns", content=body("omnirps/returns.json"), headers=ACME)] * 2
        unknown = await client.post("/omnirps/returns", content=b"[]", headers={**ACME, "retailer": "acme outdoors"})
    assert [result["rma"] for result in answers[0].json()["results"]] == ["RMA-7", "RMA-8"]
    assert answers[0].json() == answers[1].json(), "a repeat has the same ids"
    assert unknown.status_code == 404
    assert "'Acme Outdoors' is: the name must match exactly" in unknown.json()["detail"]
