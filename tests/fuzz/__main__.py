"""Coverage-guided: any bytes as a request, through the whole door. `make fuzz FUZZ="-max_total_time=60"`.

Starts from the seeds and the corpus that is checked in; what it finds new goes to the directory `fuzz/` (never checked
in), and an input that breaks the promise to `fuzz/crash-…`: put it into tests/fuzz/corpus, where pytest runs it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(include=["producers", "contracts", "streams.domain"]):
    from tests.fuzz.judge import Ingress, judge
    from tests.fuzz.request import decode
    from tests.fuzz.seeds import seeds

HERE = Path(__file__).parent
FOUND = Path("fuzz")
# A body of 16 KB is a large order; what depends on sizes beyond has tests of its own.
LIMITS = ("-max_len=16384", "-timeout=10", "-rss_limit_mb=1024")
PLACES = (f"-artifact_prefix={FOUND}/", f"-dict={HERE}/words.dict")


def main() -> None:
    """See the module. The program's options are libFuzzer's."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    corpus, first = FOUND / "corpus", FOUND / "seeds"
    for directory in (corpus, first):
        directory.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (first / name).write_bytes(data)
    ingress = Ingress()

    def one(data: bytes) -> None:
        judge(ingress, decode(data))

    # New inputs go to the first directory, the others are only read.
    atheris.Setup([*sys.argv, *LIMITS, *PLACES, str(corpus), str(first), str(HERE / "corpus")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
