"""Secrets of retailers: a directory with one file each, read again when it changes. Nothing here prints a value.

`secret_ref: acme/hook` is the file `acme/hook` under the directory, or `acme.hook` where a mount (a Kubernetes Secret)
has no folders. A file is one JSON object, e.g. `{"signing": "whsec_…", "username": "…", "password": "…"}`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import orjson

# Names are folders and files; nothing in a retailers file may lead out of the directory.
_REF = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")

# Far more than any key; a file that big is something else that was mounted here.
LARGEST_FILE_BYTES = 64 * 1024


class SecretUnreadable(Exception):
    """The secret is there, and is not what it should be. The message names neither it nor what stands in it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The fields of one secret. Its repr shows their names alone."""

    fields: Mapping[str, object] = field(repr=False)

    def text(self, name: str) -> str | None:
        """A field that is one text; None where it is absent. SecretUnreadable where it is none."""
        value = self.fields.get(name)
        if value is not None and not (isinstance(value, str) and value):
            raise SecretUnreadable(f"field {name!r} must be a text that is not empty")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that is one text or, while it is being rotated, a list of them, the current one first."""
        value = self.fields.get(name)
        texts = tuple(value) if isinstance(value, list) else () if value is None else (value,)
        if not all(isinstance(text, str) and text for text in texts):
            raise SecretUnreadable(f"field {name!r} must be a text, or a list of texts")
        return texts


class Secrets(Protocol):
    """Where secrets come from."""

    def get(self, ref: str) -> Secret | None:
        """The secret as it is now, None where there is none. Raises SecretUnreadable."""


class NoSecrets:
    """An installation without a secrets directory: what names a secret is not called, and says so."""

    def get(self, ref: str) -> Secret | None:
        """Nothing."""
        return None


def secrets_in(directory: Path | None) -> Secrets:
    """The secrets of an installation. directory: None where it has none."""
    return NoSecrets() if directory is None else SecretDirectory(directory)


@dataclass(slots=True)
class SecretDirectory:
    """Secrets in files; a changed file (also one swapped by its mount) counts from the next `get` on."""

    root: Path
    _read: dict[str, tuple[tuple[int, int, int], Secret]] = field(default_factory=dict, repr=False)
    _places: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def get(self, ref: str) -> Secret | None:
        """The secret as it is now, None where there is none. Raises SecretUnreadable."""
        # Kept, for each call to a hook asks: to make them costs more than to look whether a file has changed.
        places = self._places.get(ref)
        if places is None:
            if not _REF.fullmatch(ref):
                raise SecretUnreadable("its reference must be names joined by '/', like 'acme/hook'")
            places = tuple(str(self.root / name) for name in dict.fromkeys((ref, ref.replace("/", "."))))
            self._places[ref] = places
        for path in places:
            try:
                found = self._current(path)
            except OSError as error:
                raise SecretUnreadable(f"its file cannot be read: {error.strerror}") from None
            if found is not None:
                return found
        return None

    def _current(self, path: str) -> Secret | None:
        try:
            status = os.stat(path)  # noqa: PTH116 - a third of what Path.stat takes
        except (FileNotFoundError, NotADirectoryError):
            self._read.pop(path, None)
            return None
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._read.get(path)
        if known is not None and known[0] == version:
            return known[1]
        if status.st_size > LARGEST_FILE_BYTES:
            raise SecretUnreadable(f"its file is larger than {LARGEST_FILE_BYTES} bytes")
        secret = _parse(Path(path).read_bytes())
        self._read[path] = version, secret
        return secret


def _parse(raw: bytes) -> Secret:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        # From None: the library's error quotes the document.
        raise SecretUnreadable("its file is not JSON") from None
    if not isinstance(fields, dict):
        raise SecretUnreadable("its file is not one JSON object")
    return Secret(fields)
