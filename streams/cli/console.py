"""How commands talk: results on stdout, everything else on stderr."""

from __future__ import annotations

from rich.console import Console

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def fail(message: str) -> None:
    """One line that says what is wrong and what to do."""
    err.print("error:", message, style="red", markup=False)
