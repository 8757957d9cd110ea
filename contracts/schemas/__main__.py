"""`python -m contracts.schemas` writes the files anew; `--check` fails when they are not what the models say."""

from __future__ import annotations

import sys
from pathlib import Path

from contracts.schemas import rendered

HERE = Path(__file__).parent


def drift(files: dict[str, str]) -> list[str]:
    """The files that are missing, differ, or are generated no longer."""
    known = {(HERE / name).resolve() for name in files}
    stale = [path.name for path in sorted(HERE.glob("*.json")) if path.resolve() not in known]
    return stale + [name for name, text in files.items() if _read(HERE / name) != text]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: list[str]) -> int:
    """0 when all is as generated (or has been written)."""
    files = rendered()
    if arguments == ["--check"]:
        differing = drift(files)
        if differing:
            sys.stderr.write(f"not as generated: {', '.join(differing)}; run `make schemas` and commit\n")
        return 1 if differing else 0
    for path in HERE.glob("*.json"):
        path.unlink()
    for name, text in files.items():
        (HERE / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(files)} files written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
