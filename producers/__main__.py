"""`python -m producers`: the ingress alone, as `returnstreams serve` runs it."""

from __future__ import annotations

from producers.logs import configure
from producers.service import serve
from producers.settings import Settings
from streams.exporting import exporting

if __name__ == "__main__":
    configure()
    with exporting("returnstreams-ingress"):
        serve(Settings())
