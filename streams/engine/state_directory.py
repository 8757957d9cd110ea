"""A task's directory on disk: whose it is, that one process has it at a time, and that nobody else's is touched."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from streams.engine.errors import StateInUse, StateRefused, StorageFailed

# Of the keys and the meta rows in streams/engine/rocks.py. Another one is refused: a release that cannot read it must
# not take it for empty, and one that could misread it must not begin.
LAYOUT = 1

IDENTITY = "task.json"
LOCK = "lock"
DATABASE = "db"

# What no waiting mends. All else (no space, too many files, a disk that fails) is tried again.
_FOR_GOOD = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}

_REMEDY = "remove that directory: it is rebuilt from the topics"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose state it is. agent: with the installation's prefix."""

    agent: str
    partition: int
    layout: int = LAYOUT

    def __str__(self) -> str:
        return f"{self.agent}[{self.partition}] in layout {self.layout}"


class StateDirectory:
    """`<root>/<agent>/<partition>`, locked from `claim` to `release`; the lock ends with the process, whatever ends it.

    fresh: whether nothing was here before. A database that is missing although this is not fresh was lost.
    """

    def __init__(self, root: Path, agent: str, partition: int) -> None:
        self.path = root / agent / str(partition)
        self._identity = Identity(agent, partition)
        self._lock: FileIO | None = None
        self.fresh = False

    @property
    def database(self) -> Path:
        """Where the rows lie: the only thing in here that is ever wiped."""
        return self.path / DATABASE

    def claim(self) -> None:
        """Have it, from now on; nothing when it is had already.

        StateInUse while another process has it; StateRefused when it is another task's, or cannot be a directory of
        ours; StorageFailed when the disk does not let us now, but may later.
        """
        if self._lock is not None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
            self.fresh = self._identify()
        except StateRefused:
            self.release()
            raise
        except OSError as error:
            self.release()
            if error.errno not in _FOR_GOOD:
                raise StorageFailed(f"{self.path}: {error.strerror or error}") from error
            raise StateRefused(
                f"{self.path}: {error.strerror or error}; make it a directory that this process may write, "
                "or choose another state directory"
            ) from None

    def _locked(self) -> FileIO:
        lock = FileIO(self.path / LOCK, "a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            lock.write(f"{os.getpid()} on {os.uname().nodename}\n".encode())
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().decode(errors="replace").strip() or "unknown"
            lock.close()
            raise StateInUse(
                f"{self.path}: in use by process {holder}: two processes must not share a state directory; give each "
                "its own, or end the other one"
            ) from None
        except OSError:
            lock.close()
            raise
        return lock

    def _identify(self) -> bool:
        """Whether this is new here. StateRefused when it belongs to another, or is none of ours."""
        file = self.path / IDENTITY
        try:
            found = Identity(**json.loads(file.read_bytes()))
        except FileNotFoundError:
            strange = sorted({entry.name for entry in self.path.iterdir()} - {LOCK, f"{IDENTITY}.new"})
            if strange:
                raise StateRefused(
                    f"{self.path}: holds {', '.join(strange[:3])}, but no {IDENTITY}, so nobody knows whose it is; "
                    "choose another state directory, or empty this one"
                ) from None
            self._sign(file)
            return True
        except (ValueError, TypeError):  # what a crash of the machine can leave of a file
            self.wipe()
            self._sign(file)
            return False
        if found != self._identity:
            raise StateRefused(f"{self.path}: holds the state of {found}, not of {self._identity}; {_REMEDY}")
        return False

    def _sign(self, file: Path) -> None:
        fresh = file.with_name(f"{IDENTITY}.new")
        with fresh.open("w") as out:
            json.dump(asdict(self._identity), out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)

    def wipe(self) -> None:
        """Remove the database. Its CURRENT goes first: without it, what a crash leaves of the rest counts for lost."""
        (self.database / "CURRENT").unlink(missing_ok=True)
        if self.database.exists():
            shutil.rmtree(self.database)
        self.fresh = True

    def release(self) -> None:
        """Let another process have it. May be called twice."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
