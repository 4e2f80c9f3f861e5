"""Checks of the installation: the database and its roles, poolers, clocks, disk, versions, the webhook address."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psycopg
import requests

from sync_hostaway.accounts.registry import list_accounts
from sync_hostaway.accounts.secrets.store import secrets_store
from sync_hostaway.core.db import Connection, connect, load_queries
from sync_hostaway.core.disk import disk_space
from sync_hostaway.core.exceptions import ConfigurationError, SyncHostawayError
from sync_hostaway.core.home import Home
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.core.settings import Settings, get_settings, is_loopback
from sync_hostaway.doctor.finding import Finding, Status
from sync_hostaway.migrations.api_login import api_dsn

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_SUPPORTED = range(15, 19)
_LARGEST_SKEW = 5.0
_OLDEST_TRANSACTIONS = 1_000_000_000
_TIMEOUT = 10.0
_PACKAGES = ("apache-airflow", "dbt-core", "dbt-postgres", "astronomer-cosmos", "psycopg")

Found = Iterator[Finding]


def examine_installation(connection: Connection) -> list[Finding]:
    """Every check of the installation, in order."""
    checks: tuple[Callable[[Connection], Found], ...] = (
        _versions,
        _database,
        _api_role,
        _secrets,
        _disk,
        _webhook_address,
    )
    return [finding for check in checks for finding in check(connection)]


def _versions(connection: Connection) -> Found:
    found = [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("packages", Status.FAILS, f"{package} is not installed: install from requirements.txt")
    yield Finding("packages", Status.HOLDS, ", ".join(found))


def _database(connection: Connection) -> Found:
    row = connection.execute(_QUERIES["database"]).fetchone() or {}
    is_supported = row["major"] in _SUPPORTED
    yield Finding(
        "PostgreSQL",
        Status.HOLDS if is_supported else Status.DIFFERS,
        f"version {row['version']}, {row['bytes'] / 1e9:.1f} GB" + ("" if is_supported else "; 15 to 18 are tested"),
    )
    skew = abs((row["now"] - datetime.now(UTC)).total_seconds())
    yield Finding(
        "clock of the database",
        Status.HOLDS if skew < _LARGEST_SKEW else Status.DIFFERS,
        f"{skew:.0f} s from the clock of this machine",
    )
    # PostgreSQL sends the id of its process when a connection is made. A pooler sends another number.
    has_pooler = connection.info.backend_pid != row["pid"]
    yield Finding(
        "connection pooler",
        Status.DIFFERS if has_pooler else Status.HOLDS,
        "a connection pooler is in use: it must be in session mode (docs/compatibility.md)" if has_pooler else "none",
    )
    yield Finding(
        "role of WAREHOUSE_URL",
        Status.DIFFERS if row["is_superuser"] else Status.HOLDS,
        "is a superuser; the owner of the database is enough" if row["is_superuser"] else "is no superuser",
    )
    if row["transactions"] > _OLDEST_TRANSACTIONS:
        yield Finding(
            "vacuum",
            Status.FAILS,
            "autovacuum is far behind: the database will stop taking writes. Run `vacuum freeze`",
        )


def _api_role(connection: Connection) -> Found:
    name, dsn = "role of the HTTP API", _api_dsn(get_settings())
    if dsn is None:
        yield Finding(
            name, Status.DIFFERS, "is that of WAREHOUSE_URL; a separate role adds protection (docs/security.md)"
        )
        return
    try:
        with connect(dsn, application="sync-hostaway doctor") as reading:
            row = reading.execute(_QUERIES["database"]).fetchone() or {}
    except (SyncHostawayError, psycopg.Error) as error:
        yield Finding(name, Status.FAILS, f"cannot connect: {type(error).__name__}")
        return
    is_unbound = row["is_superuser"] or row["bypasses_rls"]
    yield Finding(
        name,
        Status.FAILS if is_unbound else Status.HOLDS,
        "row-level security does not bind it: remove SUPERUSER and BYPASSRLS"
        if is_unbound
        else "can read one account at a time",
    )


def _api_dsn(settings: Settings) -> str | None:
    """The URL with which the HTTP API reads rows, if it has a login of its own."""
    if settings.api_warehouse_url:
        return settings.api_warehouse_url.get_secret_value()
    if settings.warehouse_url:
        return None
    # The embedded platform sets this login for its API server only, not for the shell in which the doctor runs.
    return api_dsn(settings.warehouse_dsn, Secrets.ensure(Home.at(settings.home)).api_login_password)


def _secrets(connection: Connection) -> Found:
    unreadable = 0
    for account in list_accounts(connection):
        try:
            unreadable += secrets_store(connection).get(account.account_id, "client_secret") is None
        except SyncHostawayError:
            unreadable += 1
    yield Finding(
        "stored API keys",
        Status.FAILS if unreadable else Status.HOLDS,
        f"{unreadable} cannot be read: AIRFLOW__HOSTAWAY__SECRET_KEYS lacks a key, or `accounts rotate` is needed"
        if unreadable
        else "all can be read",
    )


def _disk(connection: Connection) -> Found:
    space = disk_space(get_settings().home)
    remedy = ". Remove old logs, or enlarge the disk (docs/runbook.md, disk_full)"
    yield Finding(
        "disk of SYNC_HOSTAWAY_HOME",
        Status.FAILS if space.is_almost_full else Status.HOLDS,
        f"{space}{remedy if space.is_almost_full else ''}",
    )


def _webhook_address(connection: Connection) -> Found:
    name = "webhook address"
    try:
        base = get_settings().webhook_base_url
    except ConfigurationError as error:
        yield Finding(name, Status.FAILS, str(error))
        return
    if base is None:
        yield Finding(name, Status.DIFFERS, "PUBLIC_BASE_URL is not set: accounts are polled")
        return
    session = requests.Session()
    session.trust_env = not is_loopback(base)
    try:
        status = session.get(f"{base}/hostaway/webhooks/doctor", timeout=_TIMEOUT, allow_redirects=False).status_code
    except requests.RequestException as error:
        yield Finding(name, Status.FAILS, f"cannot be reached from here: {type(error).__name__}; accounts are polled")
        return
    finally:
        session.close()
    is_ours = status == requests.codes.ok
    yield Finding(
        name,
        Status.HOLDS if is_ours else Status.FAILS,
        "answers"
        if is_ours
        else f"answers {status} to a GET where 200 is expected: does the proxy pass /hostaway/webhooks/ on?",
    )
