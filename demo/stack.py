"""The whole product as processes of its own on a broker that is there: topics, retailers, ingress, agents.

with Stack(kafka, directory=path, credentials=credentials) as stack:
    stack.apply(retailers_text)
    stack.start_ingress()
    stack.start_agent("order-table")
    stack.kill("order-table")           # SIGKILL
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from demo.broker.leash import Leash
from demo.broker.ports import LOOPBACK, free_ports
from demo.credentials import Credentials
from producers.settings import KafkaSettings, aiokafka_options

AGENTS = ("order-table", "return-rules", "carrier-scans", "return-actions", "tracking-forward")
INGRESS = "ingress"
PARTITIONS = 4

# Applying topics creates some thirty; an interpreter with all imports takes 2 s on a busy core.
COMMAND_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
KILL_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 2.0
PROBE_INTERVAL_S = 0.05
LOG_TAIL_LINES = 15


class StackError(RuntimeError):
    """A process of ours did not do what it must; the message ends with the tail of its log."""


class Stack:
    """Child processes by name, each with its log in the directory; none outlives this object or this process.

    retry_delays_s: of tracking-forward. shopify_url: of the simulated shops, `{shop}` standing for the domain; None
    where there are none. temporary: the directory is removed when this process is killed; an orderly end leaves it
    to the caller.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        directory: Path,
        credentials: Credentials,
        retry_delays_s: tuple[float, ...] = (0.5, 1.0, 2.0),
        shopify_url: str | None = None,
        temporary: bool = False,
    ) -> None:
        self.kafka = kafka
        self.directory = directory
        self.credentials = credentials
        names = (INGRESS, *AGENTS)
        ports = free_ports(len(names))
        self.ports: dict[str, int] = dict(zip(names, ports, strict=True))
        self.pids: dict[str, int] = {}
        self._temporary = temporary
        self._delays = list(retry_delays_s)
        self._shopify_url = shopify_url
        self._leash: Leash | None = None

    @property
    def ingress_url(self) -> str:
        """Where webhooks are to be POSTed."""
        return f"http://{LOOPBACK}:{self.ports[INGRESS]}"

    @property
    def options(self) -> dict[str, Any]:
        """How a client of ours reaches the brokers, as aiokafka takes it."""
        return aiokafka_options(self.kafka)

    def log(self, name: str) -> Path:
        """The log of a process or command."""
        return self.directory / f"{name}.log"

    def settings(self) -> dict[str, str]:
        """The settings of this installation, as environment variables."""
        return {
            **self.credentials.environment(),
            "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "RETURNSTREAMS_KAFKA__TOPIC_PREFIX": self.kafka.topic_prefix,
            "RETURNSTREAMS_TOPICS__PARTITIONS": str(PARTITIONS),
            "RETURNSTREAMS_TOPICS__REPLICATION": "1",
            "RETURNSTREAMS_TOPICS__MIN_INSYNC": "1",
            "RETURNSTREAMS_INGRESS__PORT": str(self.ports[INGRESS]),
            "RETURNSTREAMS_INGRESS__DRAIN_S": "0",
            **self._shops(),
            "RETURNSTREAMS_SECRETS_DIR": str(self.directory / "secrets"),
            "RETURNSTREAMS_FORWARD__DELAYS_S": str(self._delays),
            # As impatient as these delays: nobody wants to watch a hook being left alone.
            "RETURNSTREAMS_FORWARD__BREAKER__OPEN_S": str(self._delays[0]),
            "RETURNSTREAMS_LOG__FORMAT": "json",
        }

    def apply(self, retailers: str) -> None:
        """Make the topics and write the retailers, have their shops send their webhooks; returns when all is so."""
        file = self.directory / "retailers.yaml"
        file.write_text(retailers, encoding="utf-8")
        self.credentials.write(self.directory / "secrets")
        self.command("topics", "apply", "--yes")
        self.command("retailers", "apply", str(file), "--yes")
        if self._shopify_url is not None:
            self.command("subscriptions", "repair", "--yes")

    def start_ingress(self) -> None:
        """Start the ingress; wait_ready() tells when it takes requests."""
        self._start(INGRESS, "serve")

    def start_agent(self, name: str) -> None:
        """Start an agent in a process of its own; also again, after kill() or stop()."""
        self._start(name, "run", name)

    def kill(self, name: str) -> None:
        """SIGKILL; returns when the process is gone."""
        self._end(name, signal.SIGKILL, KILL_TIMEOUT_S)

    def stop(self, name: str) -> None:
        """SIGTERM, as an orchestrator does it; returns when the process has left."""
        self._end(name, signal.SIGTERM, STOP_TIMEOUT_S)

    def exit_code(self, name: str) -> int | None:
        """How a process ended (negative: the signal), None while it runs."""
        return self._running().wait_ended(name, 0)

    def ended(self) -> dict[str, int]:
        """The processes that ended by themselves, with their exit codes."""
        codes = {name: self.exit_code(name) for name in self.pids}
        return {name: code for name, code in codes.items() if code is not None}

    def ready(self, name: str) -> bool:
        """Whether a process says that it does its work."""
        try:
            url = f"http://{LOOPBACK}:{self.ports[name]}/readyz"
            return httpx.get(url, timeout=PROBE_TIMEOUT_S, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self, *names: str) -> None:
        """Returns when all of these are ready; StackError when one ends or is not in time."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        for name in names:
            while not self.ready(name):
                if (code := self.exit_code(name)) is not None:
                    raise StackError(f"{name} ended with code {code}; {self.tail(name)}")
                if time.monotonic() > deadline:
                    raise StackError(f"{name} is not ready after {READY_TIMEOUT_S:.0f} s; {self.tail(name)}")
                time.sleep(PROBE_INTERVAL_S)

    def tail(self, name: str) -> str:
        """The end of a log, for a message."""
        try:
            lines = self.log(name).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        except OSError:
            lines = []
        return f"the end of {self.log(name)}:\n" + "\n".join(f"    {line}" for line in lines)

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._leash = Leash(remove=self.directory if self._temporary else None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leash is not None:
            self._leash.keep()
            self._leash.close()
            self._leash = None

    def _shops(self) -> dict[str, str]:
        """Without simulators nobody asks shops: these would be real ones."""
        if self._shopify_url is None:
            return {}
        return {
            "RETURNSTREAMS_SHOPIFY__BASE_URL": self._shopify_url,
            "RETURNSTREAMS_INGRESS__PUBLIC_URL": self.ingress_url,
        }

    def _start(self, name: str, *arguments: str) -> None:
        extra = {} if name == INGRESS else {"RETURNSTREAMS_HEALTH__PORT": str(self.ports[name])}
        self.pids[name] = self._running().start(name, _command(*arguments), self.log(name), self._environment(extra))

    def command(self, *arguments: str) -> str:
        """Run a command of this installation to its end; what it has said. StackError where it fails."""
        name = "-".join(word for word in arguments if not word.startswith("-") and "/" not in word)
        self._running().start(name, _command(*arguments), self.log(name), self._environment({}))
        code = self._running().wait_ended(name, COMMAND_TIMEOUT_S)
        if code != 0:
            outcome = f"ended with code {code}" if code is not None else f"took over {COMMAND_TIMEOUT_S:.0f} s"
            raise StackError(f"`returnstreams {' '.join(arguments)}` {outcome}; {self.tail(name)}")
        return self.log(name).read_text(errors="replace")

    def _end(self, name: str, number: signal.Signals, timeout_s: float) -> None:
        self._running().signal(name, number)
        if self._running().wait_ended(name, timeout_s) is None:
            raise StackError(f"{name} still runs {timeout_s:.0f} s after {number.name}; {self.tail(name)}")
        self.pids.pop(name, None)

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Ours alone: settings of another installation that this shell may have must not leak in, but for Kafka's."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("RETURNSTREAMS_") or name.startswith("RETURNSTREAMS_KAFKA__")
        }
        return {**kept, **self.settings(), **extra, "PYTHONUNBUFFERED": "1"}

    def _running(self) -> Leash:
        if self._leash is None:
            raise StackError("the stack is not entered: use it in a with statement")
        return self._leash


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "streams.cli", *arguments]
