"""Every way to the warehouse takes what libpq takes: psycopg and its pools, Alembic, dbt, a task of Cosmos, psql."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from certificates import Authority
from database_owner import Server
from postgres_proxy import ipv6, tls_end, unix_socket
from sync_hostaway import migrations
from sync_hostaway.api.account_session import make_pool
from sync_hostaway.core.db import connect, fetch_value
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.inbox import Inbox
from sync_hostaway.transforms import find_project, profile_environment
from sync_hostaway.transforms.invocation import run_dbt

pytestmark = pytest.mark.integration

SESSION = "select current_user || ' ' || current_setting('search_path') || ' ' || current_setting('timezone')"
OF_TASK = """
    import sys
    from dbt.cli.main import dbtRunner
    from sync_hostaway.transforms import find_project
    from sync_hostaway.airflow.transform_operator import lead_dbt_to_warehouse

    lead_dbt_to_warehouse(None, None)
    where = ["--project-dir", str(find_project()), "--profiles-dir", str(find_project())]
    quiet = ["--log-level", "none", "--quiet", "--target-path", sys.argv[2], "--log-path", sys.argv[2]]
    outcome = dbtRunner().invoke(["show", "--inline", sys.argv[1], *where, *quiet])
    assert outcome.success, outcome.exception
    print(outcome.result.results[0].agate_table.rows[0][0])
"""


def by_psycopg(dsn: str) -> str:
    with connect(dsn) as connection:
        return str(fetch_value(connection, sql.SQL(SESSION)))


def by_pool(dsn: str) -> str:
    with make_pool() as pool, pool.connection() as connection:
        return str(fetch_value(connection, sql.SQL(SESSION)))


def by_inbox(dsn: str) -> str:
    async def ask() -> str:
        inbox = Inbox(get_settings())
        await inbox.open()
        try:
            row = await inbox._fetch(sql.SQL(SESSION), None)
        finally:
            await inbox.close()
        assert row
        return str(next(iter(row.values())))

    return asyncio.run(ask())


def by_alembic(dsn: str) -> str:
    with migrations._opened(dsn) as connection:
        row = connection.execute(SESSION.encode()).fetchone()
    return str(row and row[0])


def by_dbt(dsn: str) -> str:
    environment = profile_environment(dsn)
    outcome = run_dbt(["show", "--inline", SESSION], project_dir=find_project(), environment=environment)
    assert outcome.success, outcome.failures()
    return str(outcome.value.results[0].agate_table.rows[0][0])


IN_THIS_PROCESS = [by_psycopg, by_pool, by_inbox, by_alembic, by_dbt]


def by_task(target: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(OF_TASK), SESSION, str(target)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def by_psql() -> str:
    command = [str(Path(sys.executable).parent / "sync-hostaway"), "local", "psql", "-XAtc", "select current_user"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Makes a connection string the one of the settings."""
    # dbt parses the project once for all of them.
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path_factory.getbasetemp() / "home-of-ways"))

    def use(dsn: str) -> None:
        monkeypatch.setenv("WAREHOUSE_URL", dsn)
        get_settings.cache_clear()

    return use


def a_url(server: Server, *_: object) -> str:
    who = f"{quote(server.user, safe='')}:{quote(server.password, safe='')}"
    more = urlencode({"application_name": "ours", "keepalives_idle": 20, "keepalives_count": 2, "connect_timeout": 9})
    return f"postgresql://{who}@127.0.0.1:{server.port}/{server.dbname}?{more}"


def keys_and_values(server: Server, *_: object) -> str:
    return make_conninfo(
        "", host="localhost", port=server.port, tcp_user_timeout=9000, gssencmode="disable", **server.who
    )


def two_hosts(server: Server, *_: object) -> str:
    ports = f"1,{server.port}"
    return make_conninfo("", host="127.0.0.1,127.0.0.1", port=ports, target_session_attrs="read-write", **server.who)


def a_socket(server: Server, folder: Path, stack: ExitStack, _: pytest.MonkeyPatch) -> str:
    return make_conninfo("", host=str(stack.enter_context(unix_socket(server.port, folder))), port=5432, **server.who)


def an_ipv6_address(server: Server, folder: Path, stack: ExitStack, _: pytest.MonkeyPatch) -> str:
    who = f"{quote(server.user, safe='')}:{quote(server.password, safe='')}"
    return f"postgresql://{who}@[::1]:{stack.enter_context(ipv6(server.port))}/{server.dbname}"


def a_service_and_a_password_file(
    server: Server, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> str:
    services, passwords = folder / "services.conf", folder / "passwords"
    services.write_text(
        f"[ours]\nhost=127.0.0.1\nport={server.port}\ndbname={server.dbname}\nuser={server.user}\n", encoding="utf-8"
    )
    passwords.touch(mode=0o600)
    escaped = server.password.replace("\\", "\\\\").replace(":", "\\:")
    passwords.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    return make_conninfo("", service="ours", passfile=str(passwords))


KINDS = [a_url, keys_and_values, two_hosts, a_socket, an_ipv6_address, a_service_and_a_password_file]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("kind", KINDS)
def test_each_way_takes_each_kind_of_address(
    kind: Callable[..., str],
    server: Server,
    use: Callable[[str], None],
    stack: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dsn = kind(server, tmp_path, stack, monkeypatch)
    use(dsn)
    assert {way.__name__: way(dsn) for way in IN_THIS_PROCESS} == {
        way.__name__: f"{server.user} public UTC" for way in IN_THIS_PROCESS
    }
    assert by_psql() == server.user


def test_each_way_takes_certificates_and_options_and_a_task_of_cosmos_too(
    server: Server, use: Callable[[str], None], stack: ExitStack, tmp_path: Path, admin: object
) -> None:
    authority = Authority(tmp_path)
    port = stack.enter_context(tls_end(server.port, authority.server_context(asks_clients=True)))
    certificate, key = authority.issue("client")
    tls: dict[str, Any] = {
        "sslmode": "verify-full",
        "sslrootcert": authority.certificate,
        "sslcert": certificate,
        "sslkey": key,
    }
    options = "-c role=hostaway_api -c search_path=pg_catalog"
    dsn = make_conninfo("", host="localhost", port=port, **server.who, **tls, options=options)
    use(dsn)
    for way in IN_THIS_PROCESS:
        assert way(dsn) == "hostaway_api public UTC", way.__name__
    assert by_task(tmp_path / "target") == "hostaway_api public UTC"

    stranger = tmp_path / "stranger"
    stranger.mkdir()
    distrusting = make_conninfo(dsn, sslrootcert=str(Authority(stranger, "stranger").certificate))
    with pytest.raises(WarehouseUnavailable, match="certificate verify failed"):
        connect(distrusting)
    outcome = run_dbt(
        ["show", "--inline", "select 1"], project_dir=find_project(), environment=profile_environment(distrusting)
    )
    assert not outcome.success
    assert "certificate verify failed" in str(outcome.failures())
