"""`hooks test` at a terminal, where nobody listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import Outcome, returnstreams

FILE = """\
retailers:
  - id: acme
    name: Acme
    portal: loop
    shopify: {shop: acme.myshopify.com}
    hook: {url: "https://127.0.0.1:9/hook?token=querysecret", allow_private: true}
  - id: quiet
    name: Quiet
    portal: omnireturns
    shopify: {shop: quiet.myshopify.com}
    return_action: first_scan
    rules: [{when: always, then: refund}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "retailers.yaml"
    found.write_text(FILE)
    return found


def ask(file: Path, *arguments: str, answer: str = "") -> Outcome:
    return returnstreams("hooks", "test", *arguments, "--file", str(file), answer=answer)


def test_a_hook_where_nobody_listens_says_so_without_its_query(file: Path) -> None:
    outcome = ask(file, "acme", "--yes")

    assert outcome.code == 1
    assert "answer       connecting failed: Connection refused" in outcome.out
    assert "remedy       nobody listens there" in outcome.out
    assert "querysecret" not in outcome.out + outcome.err


def test_it_asks_first(file: Path) -> None:
    outcome = ask(file, "acme", answer="n\n")

    assert outcome.code == 1
    assert "Send a test update (RETURNSTREAMS-TEST) to https://127.0.0.1:9/hook?" in outcome.out
    assert "answer" not in outcome.out


def test_a_retailer_without_a_hook_and_one_that_is_not_there(file: Path) -> None:
    assert "has no hook in" in ask(file, "quiet").err
    outcome = ask(file, "acne")
    assert (outcome.code, "there are: acme, quiet" in outcome.err) == (78, True)
