"""Settings. Only this module reads the configuration.

The value of a setting, for example `warehouse_url`, comes from the first of these places that has it:

1. `AIRFLOW__HOSTAWAY__WAREHOUSE_URL` in the environment,
2. its short name in the environment, where it has one (`WAREHOUSE_URL`, see `SHORT_NAMES`),
3. `warehouse_url` in the `[hostaway]` section of the Airflow configuration, when running inside Airflow
   (there `warehouse_url_cmd` and `warehouse_url_secret` work too),
4. its default.

The file is long, because every setting and every value that is calculated from settings only is here.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from datetime import time
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sync_hostaway.core.database_url import plain
from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.resources import ON_REQUEST, Resource
from sync_hostaway.core.sync_schedule import SyncSchedule, evenly_spread

SHORT_NAMES = {
    "api_url": "HOSTAWAY_API_URL",
    "accounts": "HOSTAWAY_ACCOUNTS",
    "warehouse_url": "WAREHOUSE_URL",
    "home": "SYNC_HOSTAWAY_HOME",
    "airflow_port": "AIRFLOW_PORT",
    "public_base_url": "PUBLIC_BASE_URL",
}
REAL_API = "https://api.hostaway.com"
_PREFIX = "AIRFLOW__HOSTAWAY__"
_TIME = re.compile(r"\d\d:\d\d(:\d\d)?", re.ASCII)
_ACCOUNT_ID = re.compile(r"0*[1-9][0-9]{0,17}", re.ASCII)


def _hours_or_whole_days(hours: int) -> int:
    if hours > 24 and hours % 24:
        raise ValueError("more than 24 hours must be whole days: 48, 72, 96, 120, 144 or 168")
    return hours


def _keep_is_zero(value: Any) -> Any:
    return 0 if isinstance(value, str) and value.strip().lower() == "keep" else value


def _is_written_as_time(value: Any) -> Any:
    # Pydantic would also take 2300, as seconds, and 23:00+02:00, whose offset would have no effect.
    if not isinstance(value, str):
        return value
    if not _TIME.fullmatch(value.strip()):
        raise ValueError("must be a time of the day in UTC, such as 23:00")
    return value.strip()


# Also the types of an account's own options
RateLimitText = Annotated[str, Field(pattern=r"^(off|[1-9]\d{0,4}/[1-9]\d{0,4}(\.\d{1,3})?)$")]
CalendarDaysBack = Annotated[int, Field(ge=0, le=730)]
CalendarDaysAhead = Annotated[int, Field(ge=0, le=1095)]
SyncEveryHours = Annotated[int, Field(ge=1, le=168), AfterValidator(_hours_or_whole_days)]
"""1 to 24, or the hours of 2 to 7 days."""
TimeOfDay = Annotated[time, BeforeValidator(_is_written_as_time)]
RetentionDays = Annotated[int, BeforeValidator(_keep_is_zero), Field(ge=0, le=36_500)]
"""Days, or 0 for what is kept. A setting may also be `keep`."""
Polling = Literal["auto", "always", "list", "off"]


class _Sources(PydanticBaseSettingsSource):
    """Reads the environment, the short names and the `[hostaway]` section, in this order."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        for name in (_PREFIX + field_name.upper(), SHORT_NAMES.get(field_name)):
            if name and os.environ.get(name):
                return os.environ[name], field_name, False
        # The import of Airflow takes a second and creates its home folder, so only use it when it is loaded already.
        if "airflow.configuration" in sys.modules:
            from airflow.configuration import conf

            return conf.get("hostaway", field_name, fallback=None) or None, field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        # A value from a file or a command (`_cmd`) often ends with a line feed.
        stripped = {name: value.rstrip("\r\n") for name, value in values.items() if value}
        return {name: value for name, value in stripped.items() if value}


class Settings(BaseSettings):
    """Every setting with its default. Times are in seconds unless the name has another unit."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    api_url: str | None = Field(None, description="Base URL of the Hostaway API, without /v1; unset: the real one")
    accounts: SecretStr = Field(SecretStr(""), description="Accounts of `make demo`: 701:secret,702:secret")
    warehouse_url: SecretStr | None = Field(None, description="libpq URL of the warehouse; unset: the embedded one")
    home: Path = Field(Path(".local"), description="State directory of the embedded platform and of caches")
    airflow_port: int = Field(8080, ge=1, le=65535, description="Port of the embedded Airflow on 127.0.0.1")
    public_base_url: str | None = Field(
        None, description="Public URL of Airflow, to which Hostaway delivers webhooks; unset: no webhooks"
    )
    secret_keys: SecretStr = Field(
        SecretStr(""), description="Fernet keys for stored secrets, comma-separated, the newest first"
    )
    secrets_store: Literal["database", "airflow"] = Field(
        "database", description="Where API keys are kept: encrypted in the warehouse, or in Airflow connections"
    )
    snapshot_path: Path | None = Field(
        None, description="The Dag processor's own copy of the list of accounts; unset: in home"
    )

    concurrency: int = Field(8, ge=1, le=64, description="Requests in flight per sync task")
    page_size: int = Field(500, ge=1, le=1000, description="Rows to request per page; the server may return fewer")
    budget_ip: RateLimitText | None = Field(
        None,
        description="Calls/seconds from one outgoing address, all processes and accounts together, or off; "
        "unset: 15/10, off for a local simulator",
    )
    budget_account: RateLimitText | None = Field(
        None,
        description="Calls/seconds of one account, or off; unset: 20/10, off for a local simulator",
    )
    budget_ip_key: str = Field(
        "default", min_length=1, description="Name of the outgoing address: processes with the same name share a budget"
    )

    proxies: SecretStr = Field(
        SecretStr(""),
        description="Proxies to Hostaway, comma-separated, each with an outgoing address and a budget of its own; the "
        "accounts are spread over them",
    )

    resources: tuple[Resource, ...] = Field(
        tuple(resource for resource in Resource if resource not in ON_REQUEST),
        min_length=1,
        description="Resources to mirror, comma-separated; an account's options can switch each on or off",
    )
    calendar_days_back: CalendarDaysBack = Field(30, description="Calendar window: days before today")
    calendar_days_ahead: CalendarDaysAhead = Field(730, description="Calendar window: days after today")
    photos: bool = Field(True, description="Whether listing_photos is filled (URL and metadata only)")
    reader_roles: tuple[str, ...] = Field(
        (), description="Roles of PostgreSQL that may read the schemas hostaway and marts, comma-separated"
    )
    analytics_project: Path | None = Field(
        None, description="Folder of a dbt project of your own, which hostaway_transform builds after the marts"
    )
    full_every_days: int = Field(
        7, ge=0, le=365, description="Days between scheduled full syncs of an account; 0: never"
    )
    sync_every_hours: SyncEveryHours = Field(
        24, description="Hours between the scheduled syncs of an account; 24: daily, 168: weekly"
    )
    sync_start: TimeOfDay = Field(time(0, 0), description="UTC time at which the spread of account syncs begins")
    sync_spread_hours: float = Field(
        24.0, gt=0, le=24, description="Hours over which syncs are spread; at most the hours between two syncs count"
    )

    polling: Polling = Field(
        "auto",
        description="Whether accounts are polled: auto, if no webhook is healthy; always; list, without heads; off",
    )
    poll_every_minutes: int = Field(5, ge=1, le=60, description="Minutes between two polls of an account")

    api_rate_limit: RateLimitText = Field(
        "600/60", description="Requests/seconds of one API token in each API server process, or off"
    )
    api_warehouse_url: SecretStr | None = Field(
        None,
        description="libpq URL with which the HTTP API reads rows, for a role with few privileges; unset: "
        "the warehouse's",
    )

    event_handler: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="Class whose on_event is called for every event, package.module:Class; unset: none",
    )
    webhook_retention_days: RetentionDays = Field(
        30, description="Days until webhook events and keys of sent messages are removed, or keep"
    )
    quarantine_retention_days: RetentionDays = Field(
        30, description="Days until settled entries of the quarantine are removed, or keep"
    )
    checkpoint_retention_days: RetentionDays = Field(
        2, description="Days until the checkpoints of a read that no sync resumed are removed, or keep"
    )
    sync_log_retention_days: RetentionDays = Field(
        400, description="Days until finished syncs, figures per day and changes of settings are removed, or keep"
    )
    alert_retention_days: RetentionDays = Field(90, description="Days until ended alerts are removed, or keep")
    calendar_history_retention_days: RetentionDays = Field(
        0, description="Days until former prices and availability of calendar days are removed; keep by default"
    )
    deleted_payload_retention_days: RetentionDays = Field(
        0,
        description="Days until the payloads of deleted objects are reduced to ids, dates and amounts; keep by default",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token with which Prometheus reads /hostaway/metrics; unset: operators only"
    )
    alert_emails: tuple[str, ...] = Field(
        (), description="Receivers of alerts by e-mail, comma-separated; sent over Airflow's connection smtp_default"
    )
    alert_email_from: str | None = Field(None, description="Sender of alerts; unset: the sender of the connection")
    alert_slack_connection: str | None = Field(
        None, description="Airflow connection (type slackwebhook) of the Slack channel that gets alerts"
    )
    alert_http_connection: str | None = Field(
        None, description="Airflow connection (type http) of a program that gets alerts as JSON, by POST"
    )
    run_trigger: Literal["in-process", "rest"] = Field(
        "in-process", description="How Dag runs are requested: inside the API server, or over Airflow's REST API"
    )
    airflow_url: str | None = Field(None, description="Airflow's base URL; for run_trigger rest")
    airflow_user: str | None = Field(None, description="User that requests Dag runs; for run_trigger rest")
    airflow_password: SecretStr = Field(SecretStr(""), description="The user's password")
    airflow_token: SecretStr = Field(SecretStr(""), description="Token to use instead of user and password")

    @field_validator("resources", "reader_roles", "alert_emails", mode="before")
    @classmethod
    def _lists_are_comma_separated(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("warehouse_url", "api_warehouse_url", mode="before")
    @classmethod
    def _urls_are_those_of_libpq(cls, value: Any) -> Any:
        return plain(value) or None if isinstance(value, str) else value

    @field_validator("public_base_url", "airflow_url", mode="before")
    @classmethod
    def _blanks_around_urls_do_not_count(cls, value: Any) -> Any:
        return value.strip() or None if isinstance(value, str) else value

    @field_validator("api_url")
    @classmethod
    def _api_url_is_a_base(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        try:
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        # A login in the URL would replace the access token, and paths are appended to the URL.
        if not is_url or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be an http(s) URL such as https://api.hostaway.com, without login and query")
        return value.strip().rstrip("/").removesuffix("/v1")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Sources(settings_cls)

    @property
    def hostaway_url(self) -> str:
        """Base URL of the Hostaway API, without /v1. Default: the home's simulator if it has one, else the real API."""
        from sync_hostaway.core.embedded import simulated_url

        return self.api_url or simulated_url(self.home) or REAL_API

    @property
    def api_is_local(self) -> bool:
        """Whether the API is on this machine. The real API never is."""
        return is_loopback(self.hostaway_url)

    @property
    def webhook_base_url(self) -> str | None:
        """URL to which Hostaway delivers webhooks, or None. A simulator on this machine delivers to the local Airflow.

        :raises ConfigurationError: when Hostaway does not accept `public_base_url`.
        """
        if self.public_base_url is None:
            if not self.api_is_local:
                return None
            from sync_hostaway.core.embedded import airflow_port

            # The port of the running platform may differ from the one that this shell's settings name.
            return f"http://127.0.0.1:{airflow_port(self.home) or self.airflow_port}"
        try:
            parts = urlsplit(self.public_base_url)
            is_url, has_port = parts.scheme in ("http", "https") and bool(parts.hostname), parts.port is not None
        except ValueError:
            is_url = has_port = False
        if not is_url or parts.username or parts.query or parts.fragment:
            raise ConfigurationError("PUBLIC_BASE_URL must be an http(s) URL such as https://airflow.example.com")
        if has_port and not is_loopback(self.public_base_url):
            raise ConfigurationError(
                f"PUBLIC_BASE_URL has port {parts.port}, but Hostaway refuses webhook URLs with a port. Let a reverse "
                f"proxy listen on the default port, and set {parts.scheme}://{parts.hostname}{parts.path}"
            )
        return self.public_base_url.rstrip("/")

    @property
    def outgoing_addresses(self) -> int:
        """Number of addresses from which requests to Hostaway come: the proxies, or this one."""
        return max(len(self._proxy_urls), 1)

    @property
    def _proxy_urls(self) -> list[str]:
        return [url.strip() for url in self.proxies.get_secret_value().split(",") if url.strip()]

    def proxy_of(self, account_id: int) -> tuple[int, str] | None:
        """Number and URL of an account's proxy to Hostaway, the same on every machine; None without proxies.

        :raises ConfigurationError: when one of the proxies is not an http URL.
        """
        urls = self._proxy_urls
        if not all(urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname for url in urls):
            raise ConfigurationError(
                "AIRFLOW__HOSTAWAY__PROXIES must look like http://proxy-a:3128,http://proxy-b:3128"
            )
        number = evenly_spread(account_id, len(urls)) if urls else 0
        return (number + 1, urls[number]) if urls else None

    def account_secrets(self) -> dict[int, str]:
        """Accounts and API keys of the setting `accounts`.

        :raises ConfigurationError: when it does not look like 701:secret,702:secret.
        """
        pairs = [pair.partition(":") for pair in self.accounts.get_secret_value().split(",") if pair.strip()]
        if not all(_ACCOUNT_ID.fullmatch(account.strip()) and secret.strip() for account, _, secret in pairs):
            raise ConfigurationError("HOSTAWAY_ACCOUNTS must look like 701:secret,702:secret")
        return {int(account): secret.strip() for account, _, secret in pairs}

    @property
    def warehouse_dsn(self) -> str:
        """libpq URL of the warehouse. Default: the embedded one."""
        if self.warehouse_url:
            return self.warehouse_url.get_secret_value()
        from sync_hostaway.core.embedded import embedded_warehouse_dsn

        return embedded_warehouse_dsn(self.home)

    @property
    def api_warehouse_dsn(self) -> str:
        """libpq URL with which the HTTP API reads rows."""
        return self.api_warehouse_url.get_secret_value() if self.api_warehouse_url else self.warehouse_dsn

    @property
    def snapshot_file(self) -> Path:
        """File with the last valid list of accounts."""
        return self.snapshot_path or self.home / "accounts.json"

    def fernet_keys(self) -> list[str]:
        """Keys of the SecretsStore, newest first. Default: those of the embedded platform."""
        keys = [key.strip() for key in self.secret_keys.get_secret_value().split(",") if key.strip()]
        if not keys and not self.warehouse_url:
            from sync_hostaway.core.embedded import embedded_secret_keys

            keys = embedded_secret_keys(self.home)
        if not keys:
            raise ConfigurationError(
                "There is no key for stored secrets: set AIRFLOW__HOSTAWAY__SECRET_KEYS to a Fernet key "
                "(`sync-hostaway secrets new-key` prints one). Secrets are never stored unencrypted."
            )
        return keys

    @property
    def schedule(self) -> SyncSchedule:
        """When accounts are synced."""
        return SyncSchedule(self.sync_every_hours, self.sync_start, self.sync_spread_hours, self.full_every_days)


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine. Such requests use no proxy."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process. They are read once.

    :raises ConfigurationError: names each wrong setting, never its value, which may be a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{_name_of(str(item['loc'][0]))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"Wrong setting: {wrong}") from None


def _name_of(field: str) -> str:
    """Return the environment variable that a user sets for a field."""
    long, short = _PREFIX + field.upper(), SHORT_NAMES.get(field)
    return long if not short or os.environ.get(long) else short


def refuse_unknown_names() -> None:
    """Check that all variables of the environment with our prefix are settings: a misspelt one would have no effect.

    Only commands call this. Airflow does not, so that a setting of another version does not remove its Dags. Names that
    end with _CMD or _SECRET are valid, because Airflow supports them.

    :raises ConfigurationError: names the unknown setting and the nearest known one.
    """
    known = {_PREFIX + field.upper() for field in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and os.environ[name] and re.sub("_(CMD|SECRET)$", "", name) not in known:
            nearest = get_close_matches(name, known, 1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ". README.md lists the settings"
            raise ConfigurationError(f"Unknown setting {name}{hint}")
