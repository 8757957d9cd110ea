"""Settings of the agents and of the commands, beside those that the ingress shares (producers/settings.py)."""

from __future__ import annotations

import difflib
import os
from itertools import takewhile
from json import JSONDecodeError
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import SettingsError

from contracts.topics import DEFAULT_PARTITIONS
from producers.settings import PREFIX, aiokafka_options, environment
from producers.settings import Settings as ProducerSettings
from streams.agents import order_reconcile
from streams.agents.tracking_forward import DEFAULT
from streams.domain.orders import KEPT_MONTHS
from streams.engine.breaker import BreakerPolicy
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster
from streams.engine.limits import Limits
from streams.engine.outbox import Policy
from streams.shopify.options import API_VERSION, BULK_ABOVE, OWN_HOST, ShopifyOptions
from streams.topics_admin import Replication

_BREAKER = BreakerPolicy()
_LIMITS = Limits()
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - a comparison, nothing listens

# Of the demo alone, which reads them itself.
_DEMO = f"{PREFIX}DEMO__"

# What pydantic says in words of Python's, by the kind of the error.
_PLAINLY = {"extra_forbidden": "there is no such setting; check its name", "tuple_type": "must be a list in JSON"}


class TopicSettings(BaseModel):
    """How `topics apply` makes topics. partitions: of every keyed topic, for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: int = Field(default=DEFAULT_PARTITIONS, ge=1, le=1000)
    replication: int = Field(default=3, ge=1)
    min_insync: int = Field(default=2, ge=1)

    @property
    def copies(self) -> Replication:
        """As the admin takes it."""
        return Replication(self.replication, self.min_insync)


class OrderSettings(BaseModel):
    """How orders are kept, imported and reconciled.

    kept_months: calendar months from an order's creation to its deletion.
    bulk_above: an import of more orders than that runs as a bulk operation.
    reconcile_every_s: between two runs of the agent order-reconcile. missed_at_most: changes that webhooks may miss
    between two runs before a person is called.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kept_months: int = Field(default=KEPT_MONTHS, ge=1, le=24)
    bulk_above: int = Field(default=BULK_ABOVE, ge=0)
    reconcile_every_s: float = Field(default=order_reconcile.EVERY_S, ge=1)
    missed_at_most: int = Field(default=order_reconcile.MISSED_AT_MOST, ge=0)


class BreakerSettings(BaseModel):
    """When a hook that fails is left alone: see `streams.engine.breaker`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_s: float = Field(default=_BREAKER.window_s, gt=0)
    at_least: int = Field(default=_BREAKER.at_least, ge=1)
    failures: float = Field(default=_BREAKER.failures, gt=0, le=1)
    open_s: float = Field(default=_BREAKER.open_s, gt=0)
    probes: int = Field(default=_BREAKER.probes, ge=1)
    in_a_row: int = Field(default=_BREAKER.in_a_row, ge=1)

    @property
    def policy(self) -> BreakerPolicy:
        """As the engine takes it."""
        return BreakerPolicy(self.window_s, self.at_least, self.failures, self.open_s, self.probes, self.in_a_row)


class ForwardSettings(BaseModel):
    """How patient tracking-forward is. delays_s: pauses between attempts, the last one repeated.

    concurrency: calls of one task at once; per_retailer: of them to one hook.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delays_s: tuple[float, ...] = Field(default=DEFAULT.delays_s, min_length=1)
    give_up_after_s: float | None = DEFAULT.give_up_after_s
    concurrency: int = Field(default=DEFAULT.concurrency, ge=1)
    per_retailer: int = Field(default=DEFAULT.per_lane or DEFAULT.concurrency, ge=1)
    breaker: BreakerSettings = BreakerSettings()

    @property
    def policy(self) -> Policy:
        """As the outbox takes it."""
        bounds = self.concurrency, self.per_retailer, self.breaker.policy
        return Policy(DEFAULT.timeout_s, self.delays_s, self.give_up_after_s, *bounds)


class ShopifySettings(BaseModel):
    """How shops' Admin APIs are called. base_url: `{shop}` stands for the shop's domain; another host than that is for
    simulators alone. audit_every_s: between two looks at the shops' webhook subscriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: str = Field(default=API_VERSION, pattern=r"^(20\d\d-(01|04|07|10)|unstable)$")
    base_url: str = Field(default=OWN_HOST, pattern=r"^https?://[^{}\s]*\{shop\}[^{}\s]*$")
    audit_every_s: float = Field(default=6 * 60 * 60, ge=1)

    @property
    def options(self) -> ShopifyOptions:
        """As the client takes it."""
        return ShopifyOptions(api_version=self.api_version, base_url=self.base_url)


class BugSettings(BaseModel):
    """When a task pauses: so many failures in a row, or more than this share (0-1) of its last `window` runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_a_row: int = Field(default=_LIMITS.in_a_row, ge=1)
    share: float = Field(default=_LIMITS.share, ge=0, le=1)
    window: int = Field(default=_LIMITS.window, ge=1, le=10_000)

    @property
    def limits(self) -> Limits:
        """As the engine takes it."""
        return Limits(self.in_a_row, self.share, self.window)


class LogSettings(BaseModel):
    """format: `auto` writes for people on a terminal and JSON elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["auto", "console", "json"] = "auto"


class HealthSettings(BaseModel):
    """Where an agent process answers /healthz, /readyz and /metrics; port 0: nowhere.

    advertise: `host:port` at which other machines reach it, for who asks for rows; unset: the host it listens on or,
    listening on all, the one from which the brokers see this process come.
    stuck_after_s: a loop or a task without a turn for longer makes /healthz say 503. A task waits up to 5 s for records
    and 15 s for a commit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    advertise: str | None = Field(default=None, pattern=r"^\S+:[0-9]+$")
    stuck_after_s: float = Field(default=30, ge=1)

    @property
    def address(self) -> str | None:
        """Where this process answers, as its groups are told; None where it answers nobody."""
        if not self.port:
            return None
        return self.advertise or f"{'' if self.host in _EVERYWHERE else self.host}:{self.port}"


class Settings(ProducerSettings):
    """All settings. hash_key: of the hashes that stand for e-mail addresses, postcodes and erased ids; never change it.

    instance_id: of a process, from its StatefulSet's ordinal (static membership); None takes a new one each start.
    state_dir: of this process alone, for rows on disk: a restart restores only the rest. None keeps them in memory.
    """

    retailers_file: Path = Path("retailers.yaml")
    secrets_dir: Path | None = None
    hash_key: SecretStr | None = None
    instance_id: str | None = None
    state_dir: Path | None = None
    topics: TopicSettings = TopicSettings()
    orders: OrderSettings = OrderSettings()
    forward: ForwardSettings = ForwardSettings()
    shopify: ShopifySettings = ShopifySettings()
    bugs: BugSettings = BugSettings()
    log: LogSettings = LogSettings()
    health: HealthSettings = HealthSettings()

    @property
    def cluster(self) -> Cluster:
        """The brokers of this installation. ConfigError where a client could not even be made."""
        kafka = self.kafka
        if kafka.security_protocol.startswith("SASL") and (kafka.username is None or kafka.password is None):
            raise ConfigError(
                f"{PREFIX}KAFKA__SECURITY_PROTOCOL is {kafka.security_protocol}: "
                f"set {PREFIX}KAFKA__USERNAME and {PREFIX}KAFKA__PASSWORD too"
            )
        try:
            return Cluster(aiokafka_options(kafka), kafka.topic_prefix)
        except OSError as error:
            files = f"{PREFIX}KAFKA__CAFILE, {PREFIX}KAFKA__CERTFILE or {PREFIX}KAFKA__KEYFILE"
            raise ConfigError(f"{files}: {error.strerror or error}") from None


def load() -> Settings:
    """The settings as the environment has them. ConfigError names each bad variable; values are not repeated."""
    try:
        return Settings()
    except ValidationError as error:
        problems = (
            f"{_variable(e['loc'])}: {_PLAINLY.get(e['type'], e['msg'])}" for e in error.errors(include_input=False)
        )
        raise ConfigError("; ".join(problems)) from None
    except SettingsError as error:
        raise ConfigError(_not_json(error)) from None
    except OSError as error:
        raise ConfigError(f"{error.strerror or error}: {str(error.filename)!r}") from None
    except UnicodeDecodeError:
        raise ConfigError("a settings file is not UTF-8 text") from None


def ignored() -> dict[str, str | None]:
    """Variables of the environment and of `.env` with our prefix that are no setting, each with the one that was
    perhaps meant. Not an error: Kubernetes gives containers such variables of the services around them."""
    fields = {f"{PREFIX}{name.upper()}": field.annotation for name, field in Settings.model_fields.items()}
    settings = []
    for name, kind in fields.items():
        inner = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else ()
        settings += [f"{name}__{each.upper()}" for each in inner] or [name]
    found: dict[str, str | None] = {}
    for variable in (*os.environ, *dotenv_values(Path.cwd() / ".env")):
        name = variable.upper().removesuffix("_FILE")
        # What is wrong behind a field's name is an error when the settings are read.
        known = {variable.upper(), name, name.partition("__")[0]} & fields.keys() or name.startswith(_DEMO)
        if name.startswith(PREFIX) and not known:
            found[variable] = next(iter(difflib.get_close_matches(name, settings, n=1, cutoff=0.9)), None)
    return found


def _variable(place: tuple[int | str, ...]) -> str:
    """`RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS[0].secret`: the variable, and where in its JSON."""
    names = list(takewhile(lambda part: isinstance(part, str), place))
    inner = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[len(names) :])
    return f"{PREFIX}{'__'.join(map(str, names)).upper()}{''.join(inner)}"


def _not_json(error: SettingsError) -> str:
    """The library names the field alone; the variable is the one whose value was not read."""
    cause = error.__cause__
    if not isinstance(cause, JSONDecodeError):
        return str(error)
    merged = environment(os.environ, Path.cwd() / ".env")
    names = ", ".join(name for name, value in merged.items() if value == cause.doc)
    return f"{names}: must be JSON ({cause.msg}, line {cause.lineno} column {cause.colno})"
