"""Settings of whatever talks to Kafka or listens for HTTP: environment, `.env`, `*_FILE` and a directory of secrets.

Every setting is `RETURNSTREAMS_<NAME>`, `__` for nesting. The first place that has it wins:

1. the environment (`RETURNSTREAMS_KAFKA__PASSWORD=…`);
2. a file that the environment names (`RETURNSTREAMS_KAFKA__PASSWORD_FILE=/run/secrets/kafka`);
3. the secrets directory, `RETURNSTREAMS_SECRETS_DIR=/run/secrets`: one file a setting, called like it without the
   prefix, in any case (`kafka__password`, `ingress__shopify_secrets`);
4. the file `.env` in the working directory (which may hold `…_FILE` and `…_SECRETS_DIR` too).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from contracts.topics import Topic
from producers.accounts import Account, LoginAccount, ShippoAccount, SigningAccount, TokenAccount

PREFIX = "RETURNSTREAMS_"
_FILE_SUFFIX = "_FILE"
# These end in _FILE because they name a file that is not a secret.
_PLAIN_FILES = frozenset({"RETURNSTREAMS_RETAILERS_FILE"})


class KafkaSettings(BaseModel):
    """How to reach the brokers, and the prefix that keeps installations in one cluster apart.

    bootstrap_servers: `host:port,host:port`. cafile, certfile, keyfile: paths (PEM).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str = "localhost:9092"
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
    client_id: str = "returnstreams"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    def topic(self, topic: Topic) -> str:
        """The topic's name in this installation."""
        return f"{self.topic_prefix}{topic.name}"


def aiokafka_options(kafka: KafkaSettings) -> dict[str, Any]:
    """The keyword arguments that every aiokafka client of this installation shares."""
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in kafka.bootstrap_servers.split(",")],
        "client_id": kafka.client_id,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=str(kafka.cafile) if kafka.cafile else None)
        if kafka.certfile is not None:
            context.load_cert_chain(kafka.certfile, kafka.keyfile)
        options["ssl_context"] = context
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.username
        options["sasl_plain_password"] = kafka.password.get_secret_value() if kafka.password else None
    return options


class IngressSettings(BaseModel):
    """Where to listen, whom to believe, how much to hold.

    The accounts are JSON lists; each names the retailers (ids, or `["*"]`) it speaks for:

    shopify_secrets, easypost_secrets, aftership_secrets:
        `[{"name": "our-app", "secret": "…", "previous": "…", "retailers": ["*"]}]`, `previous` only during a rotation;
    shippo_accounts:
        `[{"name": "shippo", "token": "…", "secret": "…", "retailers": ["*"]}]`: what stands in the URL, what signs, or
        both; `previous_token` and `previous_secret` only during a rotation;
    omniparcel_accounts:
        `[{"name": "seko", "username": "…", "password": "…", "retailers": ["*"]}]`, or `"token": "…"` instead;
    omnirps_tokens:
        `[{"name": "acme-loop", "token": "…", "previous": "…", "retailers": ["acme"]}]`.

    Each account may have `networks`, a list of those it speaks from. trusted_proxies: networks of the load balancers
    whose `X-Forwarded-For` is believed; without any, the client is whoever holds the connection.

    shopify_path_key: makes each retailer's own path `/webhooks/shopify/<token>` (see `producers.retailers.path_token`);
    shopify_path_key_previous keeps the old paths open while subscriptions move.
    public_url: at which senders reach this ingress (`https://hooks.example.com`), for `subscriptions repair`.
    shopify_require_path: do not serve the plain path `/webhooks/shopify`.
    max_in_flight_bytes: bodies being read, and apart from them records not acknowledged yet; beyond it a 503 at once.
    drain_s: between `/readyz` turning to no and the closing of the port, for load balancers to notice.
    health_port: a second place for `/healthz`, `/readyz` and `/metrics`, answered from a thread of its own; 0: none.
    stuck_after_s: an event loop without a turn for longer makes `/healthz` say 503.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    shopify_secrets: tuple[SigningAccount, ...] = ()
    shopify_path_key: SecretStr | None = None
    shopify_path_key_previous: SecretStr | None = None
    shopify_require_path: bool = False
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    easypost_secrets: tuple[SigningAccount, ...] = ()
    aftership_secrets: tuple[SigningAccount, ...] = ()
    shippo_accounts: tuple[ShippoAccount, ...] = ()
    omniparcel_accounts: tuple[LoginAccount, ...] = ()
    omnirps_tokens: tuple[TokenAccount, ...] = ()
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    max_in_flight_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    max_in_flight_requests: int = Field(default=1024, gt=0)
    drain_s: float = Field(default=1.0, ge=0)
    health_port: int = Field(default=0, ge=0, le=65535)
    stuck_after_s: float = Field(default=30, ge=1)

    @model_validator(mode="after")
    def _each_account_is_one(self) -> Self:
        for sender, accounts in self.accounts().items():
            names = [account.name for account in accounts]
            secrets = [secret for account in accounts for secret in account.proofs()]
            if len(set(names)) < len(names):
                raise ValueError(f"two accounts of {sender} have the same name: records tell them apart by it")
            if len(set(secrets)) < len(secrets):
                raise ValueError(f"two secrets of {sender}'s accounts are equal: nobody could tell whose request it is")
        return self

    def path_keys(self) -> tuple[str, ...]:
        """The keys of the retailers' own paths, the current one first."""
        keys = (self.shopify_path_key, self.shopify_path_key_previous)
        return tuple(key.get_secret_value() for key in keys if key is not None)

    def accounts(self) -> dict[str, tuple[Account, ...]]:
        """The accounts of each sender, by the sender's word."""
        return {
            "shopify": self.shopify_secrets,
            "easypost": self.easypost_secrets,
            "aftership": self.aftership_secrets,
            "shippo": self.shippo_accounts,
            "omniparcel": self.omniparcel_accounts,
            "omnirps": self.omnirps_tokens,
        }


class Settings(BaseSettings):
    """What the ingress needs. Other commands derive from this class and add their own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka: KafkaSettings = KafkaSettings()
    ingress: IngressSettings = IngressSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the one merged environment that the module's docstring describes."""
        return init_settings, _Merged(settings_cls)


class _Merged(EnvSettingsSource):
    """The environment, the files it names, the secrets directory and `.env`, as if all were environment variables."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        merged = environment(os.environ, Path.cwd() / ".env")
        return {name.lower(): value for name, value in merged.items()}


def environment(environ: Mapping[str, str], dotenv: Path) -> dict[str, str]:
    """All settings of ours, found in the four places. OSError where a file that was named cannot be read."""
    written = {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
    places = [_ours(environ), {}, {}, _ours(written)]
    named = {**places[3], **places[0]}
    for name, value in named.items():
        if name.endswith(_FILE_SUFFIX) and name not in _PLAIN_FILES:
            with _naming(name):
                places[1][name.removesuffix(_FILE_SUFFIX)] = _content(Path(value))
    if directory := named.get(f"{PREFIX}SECRETS_DIR"):
        # Kubernetes mounts secrets as links into hidden directories: what is hidden or no file is not a setting.
        with _naming(f"{PREFIX}SECRETS_DIR"):
            files = [path for path in Path(directory).iterdir() if path.is_file() and not path.name.startswith(".")]
        places[2] = {f"{PREFIX}{path.name.upper().removeprefix(PREFIX)}": _content(path) for path in files}
    return {name: value for place in reversed(places) for name, value in place.items()}


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{setting}: {error.strerror}", error.filename) from None


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in environ.items() if name.upper().startswith(PREFIX)}


def _content(path: Path) -> str:
    # Editors and `echo` end a file with a newline, and some begin it with a byte order mark: no part of the secret.
    return path.read_text(encoding="utf-8-sig").rstrip("\r\n")
