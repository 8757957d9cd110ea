"""Jars are fetched once, and only the pinned bytes are ever handed out."""

from __future__ import annotations

import hashlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.broker import BrokerError, jars
from demo.broker.jars import Jar, fetch

BYTES = b"a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(BYTES).hexdigest())


class Registry:
    """Hands out the same bytes for every jar, and counts."""

    def __init__(self, content: bytes = BYTES) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, jar: Jar, scratch: Path) -> Path:
        self.asked.append(jar.coordinates)
        path = scratch / jar.filename
        path.write_bytes(self.content)
        return path


def test_a_jar_is_fetched_once_and_then_taken_from_the_cache(tmp_path: Path) -> None:
    registry = Registry()

    first = fetch([JAR], tmp_path, download=registry)
    second = fetch([JAR], tmp_path, download=registry)

    assert first == second == [tmp_path / "thing-1.0.jar"]
    assert first[0].read_bytes() == BYTES
    assert registry.asked == ["org.example:thing:1.0"]


def test_a_download_with_another_hash_is_refused_and_not_kept(tmp_path: Path) -> None:
    found = hashlib.sha256(b"evil").hexdigest()

    with pytest.raises(BrokerError, match=rf"thing-1\.0\.jar: expected sha256 {JAR.sha256}, found {found}"):
        fetch([JAR], tmp_path, download=Registry(b"evil"))

    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_cached_jar_that_was_changed_is_refused_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    (path,) = fetch([JAR], tmp_path, download=Registry())
    path.write_bytes(b"swapped")

    with pytest.raises(BrokerError, match=r"refused .*thing-1\.0\.jar.*delete it to have it fetched again"):
        fetch([JAR], tmp_path, download=Registry())


def test_of_two_that_fetch_at_once_one_waits_and_finds_the_work_done(tmp_path: Path) -> None:
    both_ready = threading.Barrier(2, timeout=10)
    registry = Registry()

    def one() -> list[Path]:
        both_ready.wait()
        return fetch([JAR], tmp_path, download=registry)

    with ThreadPoolExecutor(2) as pool:
        results = [future.result(timeout=10) for future in (pool.submit(one), pool.submit(one))]

    assert results[0] == results[1]
    assert len(registry.asked) == 1


def test_what_was_fetched_before_the_network_failed_is_not_fetched_again(tmp_path: Path) -> None:
    other = Jar("org.example", "other", "1.0", JAR.sha256)
    registry = Registry()

    def failing(jar: Jar, scratch: Path) -> Path:
        if jar is other:
            raise ConnectionError("unreachable")
        return registry(jar, scratch)

    with pytest.raises(BrokerError, match=r"cannot fetch org\.example:other:1\.0: unreachable; check the network"):
        fetch([JAR, other], tmp_path, download=failing)
    fetch([JAR, other], tmp_path, download=registry)

    assert registry.asked == ["org.example:thing:1.0", "org.example:other:1.0"]


def test_a_missing_resolver_is_told_in_one_line_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)

    with pytest.raises(BrokerError, match=r"pip install 'returnstreams\[demo\]'"):
        fetch([JAR], tmp_path)


def test_the_cache_follows_the_users_cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert jars.cache_dir() == tmp_path / "returnstreams" / "kafka"


def test_every_pinned_jar_is_listed_once_with_a_whole_hash() -> None:
    pinned = jars.pinned()

    assert len({jar.filename for jar in pinned}) == len(pinned)
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in pinned)
    assert {jar.version for jar in pinned if jar.group == "org.apache.kafka"} == {"4.1.2"}
