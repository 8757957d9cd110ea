"""`make test` with a broker named that does not answer: told at once, in one line, and not amid the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from demo.broker.external import BOOTSTRAP_VARIABLE

ROOT = Path(__file__).parents[4]


def test_it_is_told_before_any_test_has_run() -> None:
    # One file that needs no broker comes first, and would run.
    chosen = ["tests/contracts/test_keys.py", "tests/integration/test_retailers_reader.py"]
    # As a run by itself, wherever this test runs.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen],
        env={**alone, BOOTSTRAP_VARIABLE: "no-port"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "no tests ran" in done.stdout
    [line] = [line for line in (done.stdout + done.stderr).splitlines() if "no Kafka broker for the tests" in line]
    assert "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS has 'no-port', which is not host:port" in line
