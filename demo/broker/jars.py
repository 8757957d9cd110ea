"""Fetches Kafka's jars once into the user's cache, each checked against the hash pinned in jars.txt."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.broker.protocol import BrokerError

PINNED = Path(__file__).with_name("jars.txt")
# For a network whose only way to Maven artifacts is a mirror of its own: the mirror's base URL.
MIRROR_VARIABLE = "RETURNSTREAMS_DEMO__MAVEN_REPOSITORY"
# One connect or read; the largest jar has 10 MB, and a registry that is silent for half a minute is not there.
READ_TIMEOUT_S = 30
# As long as another process may need for all 39 MB over a slow line.
LOCK_TIMEOUT_S = 600.0
# Latency, not bandwidth, bounds 37 small files; more would be rude to a public registry.
PARALLEL_FETCHES = 6


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned artifact: Maven coordinates and the sha256 (hex) of the jar's bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """As Maven names it."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        """group:artifact:version"""
        return f"{self.group}:{self.artifact}:{self.version}"


# Gets one jar into a scratch directory and says where it is; raises OSError or RuntimeError when it cannot.
Download = Callable[[Jar, Path], Path]


def cache_dir() -> Path:
    """The user's cache for this project: shared by all clones, safe to delete."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "returnstreams" / "kafka"


def pinned(path: Path = PINNED) -> list[Jar]:
    """The jars in classpath order."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [_parsed(line) for line in lines if line and not line.startswith("#")]


def _parsed(line: str) -> Jar:
    """From `group:artifact:version sha256`."""
    coordinates, sha256 = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)


def download_with_jgo(jar: Jar, scratch: Path) -> Path:
    """From the public Maven repository, or from the mirror that the environment names."""
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise BrokerError("the Maven resolver jgo is not installed: pip install 'returnstreams[demo]'") from error
    mirror = os.environ.get(MIRROR_VARIABLE)
    context = MavenContext(
        repo_cache=scratch, remote_repos={"mirror": mirror} if mirror else None, timeout=READ_TIMEOUT_S
    )
    return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())


def fetch(
    jars: list[Jar] | None = None,
    cache: Path | None = None,
    *,
    download: Download = download_with_jgo,
    report: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Paths of all jars in classpath order, fetching what the cache lacks; raises BrokerError.

    Two processes may do this at once: one fetches, the other waits. What breaks off leaves only whole, checked jars.
    """
    jars = pinned() if jars is None else jars
    cache = cache_dir() if cache is None else cache
    if not _missing(jars, cache):
        return [cache / jar.filename for jar in jars]
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / ".lock"), TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
        missing = _missing(jars, cache)
        if missing:
            report(f"fetching {len(missing)} jars of Apache Kafka into {cache} (once)")
        with ThreadPoolExecutor(PARALLEL_FETCHES) as pool:
            for jar, path in zip(
                missing, pool.map(lambda jar: _fetch_one(jar, Path(scratch), download), missing), strict=True
            ):
                # A rename within one directory tree is atomic: nobody ever sees half a jar.
                path.replace(cache / jar.filename)
    return [cache / jar.filename for jar in jars]


def _missing(jars: list[Jar], cache: Path) -> list[Jar]:
    """What the cache lacks. What it has must be the pinned bytes: a swapped jar is refused, not repaired."""
    present = {jar for jar in jars if (cache / jar.filename).exists()}
    for jar in present:
        _check(jar, cache / jar.filename, "delete it to have it fetched again")
    return [jar for jar in jars if jar not in present]


def _fetch_one(jar: Jar, scratch: Path, download: Download) -> Path:
    try:
        path = download(jar, scratch)
    except (OSError, RuntimeError) as error:
        if isinstance(error, BrokerError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise BrokerError(
            f"cannot fetch {jar.coordinates}: {reason}; check the network, name a Maven mirror in {MIRROR_VARIABLE}, "
            "or use a running broker with RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS"
        ) from error
    _check(jar, path, "the registry, a mirror or a proxy has altered it, and it was thrown away")
    return path


def _check(jar: Jar, path: Path, remedy: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise BrokerError(f"refused {path}: expected sha256 {jar.sha256}, found {found}; {remedy}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BrokerError(f"another process has held {path} for {LOCK_TIMEOUT_S:.0f} s; end it") from None
                time.sleep(0.1)
        yield
