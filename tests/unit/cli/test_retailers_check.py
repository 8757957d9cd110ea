"""`retailers check`: all problems of a file with line and remedy, and no conversation with anybody."""

from __future__ import annotations

from pathlib import Path

from tests.command_line import returnstreams

EXAMPLE = Path(__file__).parents[3] / "retailers.example.yaml"
SOUND = """\
retailers:
  - id: acme
    name: Acme
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    return_action: first_scan
"""


def test_the_example_is_sound() -> None:
    outcome = returnstreams("retailers", "check", str(EXAMPLE))
    assert outcome.code == 0
    assert outcome.out == "no errors; 3 retailers: acme, bergwerk, cordwain\n"


def test_every_problem_is_told_with_line_value_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "retailers.yaml"
    file.write_text(SOUND.replace("first_scan", "first-scan").replace("omnireturns", "omniretruns"))
    outcome = returnstreams("retailers", "check", str(file))

    assert outcome.code == 78
    assert outcome.out == ""
    *problems, verdict = outcome.err.splitlines()
    assert len(problems) == 2
    assert f"{file}:4" in problems[0]
    assert "omniretruns" in problems[0]
    assert f"{file}:6" in problems[1]
    assert "first_scan" in problems[1]
    assert verdict == f"error: {file} has 2 errors (above); nothing was changed"


def test_a_warning_does_not_keep_a_file_from_being_sound(tmp_path: Path) -> None:
    file = tmp_path / "retailers.yaml"
    file.write_text(SOUND.replace("acme.myshopify.com", "acme.example"))
    outcome = returnstreams("retailers", "check", str(file))
    assert outcome.code == 0
    assert "permanent domain" in outcome.err


def test_the_file_is_the_one_of_the_settings_when_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(SOUND)
    assert "no errors; 1 retailer: acme" in returnstreams("retailers", "check", RETAILERS_FILE=str(file)).out


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    outcome = returnstreams("retailers", "check", str(tmp_path / "absent.yaml"))
    assert outcome.code == 78
    assert "absent.yaml cannot be read" in outcome.err


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "retailers.yaml"
    file.write_text(SOUND.replace("acme.myshopify.com", "acme.myshopify.com, secret_ref: shpat_hushhush"))
    outcome = returnstreams("retailers", "check", str(file))
    assert outcome.code == 78
    assert "hushhush" not in outcome.out + outcome.err
