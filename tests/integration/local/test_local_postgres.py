"""The embedded PostgreSQL: quick to start, hard to lose, and never in another's way."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from sync_hostaway.core.embedded import HOST, embedded_warehouse_dsn
from sync_hostaway.core.exceptions import NotStarted
from sync_hostaway.local import privileges, processes
from sync_hostaway.local.errors import PostgresFailed
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.privileges import programs

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path / "home")
    postgres.start()
    yield postgres
    postgres.stop()


def ask(postgres: EmbeddedPostgres, query: str, database: str = "warehouse") -> list[tuple[object, ...]]:
    with psycopg.connect(postgres.dsn(database)) as connection:
        return connection.execute(query).fetchall()


def postmaster(postgres: EmbeddedPostgres) -> psutil.Process:
    pid = postgres.status().pid
    assert pid is not None
    return psutil.Process(pid)


def test_it_starts_from_nothing(server: EmbeddedPostgres) -> None:
    assert server.is_running()
    found = ask(
        server,
        "select datname, pg_encoding_to_char(encoding), datlocprovider, datlocale from pg_database"
        " where datname in ('airflow', 'warehouse') order by 1",
    )
    assert found == [("airflow", "UTF8", "b", "C.UTF-8"), ("warehouse", "UTF8", "b", "C.UTF-8")]
    assert embedded_warehouse_dsn(server.home.root) == server.dsn("warehouse")


def test_it_listens_on_loopback_alone(server: EmbeddedPostgres) -> None:
    process = postmaster(server)
    listening = [c.laddr.ip for c in process.net_connections("all") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]


def test_it_wants_the_password(server: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn().replace("hostaway:", "hostaway:x"))


def test_durability_is_on(server: EmbeddedPostgres) -> None:
    settings = ask(
        server,
        "select name, setting from pg_settings"
        " where name in ('fsync', 'full_page_writes', 'synchronous_commit') order by 1",
    )
    assert settings == [("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on")]


def test_a_running_server_is_used(server: EmbeddedPostgres) -> None:
    pid = server.status().pid
    with EmbeddedPostgres(server.home.root) as other:
        assert other.status().pid == pid
    # It stops what it started, and it started nothing.
    assert server.is_running()


def test_stop_and_start_keep_port_and_data(server: EmbeddedPostgres) -> None:
    port = server.status().port
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("create table kept as select 42 as answer")
    server.stop()
    assert not server.is_running()
    server.stop()
    server.start()
    assert server.status().port == port
    assert ask(server, "select answer from kept") == [(42,)]


def test_kill_9_loses_nothing_committed(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        for number in range(100):
            connection.execute("insert into kept values (%s)", (number,))
        killed = postmaster(server)
        killed.kill()
        # Until it is gone it counts as running, and there is nothing to start.
        assert processes.wait_ended([killed], 10) == []
    server.start()
    assert ask(server, "select count(*), sum(n) from kept") == [(100, 4950)]


def test_a_pid_file_that_names_another_process_is_ignored(server: EmbeddedPostgres) -> None:
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    # The last process id was given to something else of the same user: to this test.
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert not server.is_running()
    server.start()
    assert server.is_running()


def test_a_taken_port_is_left_to_its_holder(server: EmbeddedPostgres) -> None:
    port = server.status().port
    assert port is not None
    server.stop()
    said: list[str] = []
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((HOST, port))
        squatter.listen()
        again = EmbeddedPostgres(server.home.root, said.append)
        again.start()
    assert again.status().port != port
    assert f"Port {port} of postgres is now taken" in said[0]
    assert ask(again, "select 1") == [(1,)]


def test_two_homes_at_once(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "other") as other:
        assert other.status().port != server.status().port
        assert ask(other, "select 1") == ask(server, "select 1")


def test_two_starters_at_once(tmp_path: Path) -> None:
    starts = (
        "import sys; from pathlib import Path; from sync_hostaway.local.postgres import EmbeddedPostgres\n"
        "postgres = EmbeddedPostgres(Path(sys.argv[1])); postgres.start(); print(postgres.status().pid)"
    )
    command = [sys.executable, "-c", starts, str(tmp_path)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        pids = {starter.communicate(timeout=60)[0] for starter in starters}
        assert len(pids) == 1
        assert [starter.returncode for starter in starters] == [0, 0, 0]
    finally:
        EmbeddedPostgres(tmp_path).stop()


def test_an_interrupted_initdb_is_done_again(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    postgres.home.make()
    (postgres.home.postgres / "data.unfinished" / "base").mkdir(parents=True)
    with postgres:
        assert postgres.is_running()


def test_a_home_with_a_long_path(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / ("x" * 120) / "home with spaces") as postgres:
        assert ask(postgres, "select 1") == [(1,)]


def test_what_never_started_has_no_url(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path / "home")
    with pytest.raises(NotStarted, match="make start"):
        postgres.dsn()
    postgres.stop()
    assert not postgres.status().running
    assert not (tmp_path / "home").exists()


def test_a_server_that_does_not_start_shows_its_log(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(PostgresFailed, match="no_such_setting"):
        server.start()


def test_folders_that_others_cannot_enter_are_no_hindrance(tmp_path: Path) -> None:
    """The commonest place of all: /root, or a home of mode 0700."""
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "home") as postgres:
        assert ask(postgres, "select 1") == [(1,)]
        assert postmaster(postgres).uids().effective != 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_programs_that_others_cannot_reach_run_from_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    for part in privileges._COPIED:
        source, copy = programs().parents[2] / part, closed / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    monkeypatch.setattr(privileges, "_installed", lambda: closed)
    before = os.umask(0o077)
    try:
        with EmbeddedPostgres(tmp_path / "home") as postgres:
            assert ask(postgres, "select 1") == [(1,)]
            used = postgres.status().programs
            assert used is not None
            assert (used == programs()) == (os.geteuid() != 0)
    finally:
        os.umask(before)


def test_psql_works_while_the_platform_is_stopped(server: EmbeddedPostgres) -> None:
    server.stop()
    command = [str(Path(sys.executable).parent / "sync-hostaway"), "local", "psql", "-XAtc"]
    home = {name: value for name, value in os.environ.items() if name != "WAREHOUSE_URL"}
    home["SYNC_HOSTAWAY_HOME"] = str(server.home.root)
    found = subprocess.run([*command, "select 1"], env=home, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "1\n"
    assert subprocess.run([*command, "nonsense"], env=home, capture_output=True, check=False, timeout=60).returncode
    assert not server.is_running()
