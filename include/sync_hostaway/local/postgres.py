"""PostgreSQL 18 from a Python wheel, for one state directory.

The server listens on 127.0.0.1 only, on its own port, with a generated password. Its data is in the state directory.
After a kill, PostgreSQL recovers at its next start. The module `privileges` describes how root runs it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import psutil
import psycopg
from psycopg import sql

from sync_hostaway.core.embedded import HOST, USER, database_url, listening_port, pid_file
from sync_hostaway.core.files import make_private
from sync_hostaway.core.home import Home, open_log, tail
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.local import ports
from sync_hostaway.local.echo import Echo, no_output
from sync_hostaway.local.errors import PostgresFailed
from sync_hostaway.local.privileges import Runner, find_runner, require_name, send
from sync_hostaway.local.processes import end, is_alive, run_as, spawn, wait_ended

DATABASES = ("airflow", "warehouse")
SERVER = {
    "listen_addresses": HOST,
    # No socket file: its path may have at most 107 bytes, and the home's path may be longer.
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    # There is no replication, and with `minimal` a load into a new table writes no WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Parallel workers need shared memory in /dev/shm. Containers often have only 64 MB of it, so queries would fail.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
}
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 20.0
_STOLEN_PORT = "could not bind"
# Backends of a killed server end within moments. Until then, its shared memory is in use.
_LEFTOVERS = "pre-existing shared memory block"


@dataclass(frozen=True)
class PostgresStatus:
    """The state of a server."""

    running: bool
    pid: int | None
    port: int | None
    uptime: float | None
    programs: Path | None = None


class EmbeddedPostgres:
    """The server of one state directory. As a context manager, it stops the server if it started it."""

    def __init__(self, home: Path, echo: Echo = no_output) -> None:
        self.home = Home.at(home)
        self.data = self.home.postgres / "data"
        self._echo = echo
        self._started_here = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._started_here:
            self.stop()

    def is_running(self) -> bool:
        """Return whether the server runs and accepts connections."""
        return self._postmaster() is not None and self._state() == "ready"

    def status(self) -> PostgresStatus:
        """Return process id, port and uptime; empty when the server does not run."""
        process = self._postmaster()
        # It may end at any moment.
        with suppress(psutil.Error):
            if process and (command := process.cmdline()):
                uptime = time.time() - process.create_time()
                return PostgresStatus(True, process.pid, listening_port(self.home), uptime, Path(command[0]).parent)
        return PostgresStatus(running=False, pid=None, port=None, uptime=None)

    def dsn(self, database: str = "warehouse") -> str:
        """Return the URL of a database of this server, with the password.

        :raises NotStarted: when the server was never started.
        """
        return database_url(self.home, database)

    def choose_port(self) -> int:
        """Return the port that the server has, or will have at its start, so that others can prepare."""
        return (listening_port(self.home) if self._postmaster() else None) or ports.choose(
            self.home, "postgres", self._echo
        )

    def start(self, port: int | None = None) -> None:
        """Start the server if it does not run. Several processes may call this at the same time.

        :param port: The port to listen on; None: the previous port, or another free one.
        :raises PostgresFailed: with the end of its log.
        """
        with self.home.locked("postgres"):
            if self._postmaster() and self._state() == "ready":
                return
            self.home.prepare()
            self._remove_stale_pid_file()
            make_private(self.home.postgres)
            runner = find_runner()
            if (self.data / "PG_VERSION").exists():
                # Another user may have owned the data before.
                runner.give(self.data)
            else:
                self._initialize(runner)
            self._launch(runner, port)
            self._create_databases()
            self._started_here = True

    def stop(self) -> None:
        """Stop the server. Running transactions are rolled back; committed ones are kept."""
        if not self.home.root.exists():
            return
        with self.home.locked("postgres"):
            process = self._postmaster()
            if process is None:
                return
            # Fast shutdown, then immediate shutdown (which needs recovery), then SIGKILL.
            for number, timeout in ((signal.SIGINT, _STOP_TIMEOUT), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                send(process, number)
                if not wait_ended([process], timeout):
                    return

    def _initialize(self, runner: Runner) -> None:
        require_name(runner)
        self._echo("Creating the database cluster.")
        # Renamed when complete, so that an interrupted initdb does not look like a cluster.
        unfinished = self.home.postgres / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        # Root without CAP_DAC_OVERRIDE enters the folder as a member of its group.
        unfinished.chmod(0o750 if runner.user else 0o700)
        runner.give(unfinished)
        options = {
            "pgdata": runner.name_of(unfinished),
            "username": USER,
            # Its standard input: the account may not be able to enter the folder of a file.
            "pwfile": "/dev/stdin",
            "auth": "scram-sha-256",
            "encoding": "UTF8",
            # The same order and case rules on every machine: they do not depend on its locales.
            "locale-provider": "builtin",
            "builtin-locale": "C.UTF-8",
            "locale": "C",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        if runner.user:
            # Root may then read the data's pid file without the right to read everything.
            arguments.append("--allow-group-access")
        with TemporaryFile("w+", dir=self.home.postgres) as password:
            password.write(Secrets.ensure(self.home).postgres_password)
            password.flush()
            password.seek(0)
            if runner.user:
                os.fchown(password.fileno(), *runner.user)
            done = subprocess.run(  # noqa: S603 - our own programs
                [str(runner.programs / "initdb"), *arguments, "--no-instructions"],
                cwd=unfinished,
                env=_environment(),
                stdin=password,
                capture_output=True,
                text=True,
                check=False,
                **run_as(runner.user),
            )
        if done.returncode != 0:
            raise PostgresFailed(f"initdb failed in {unfinished}:\n{(done.stderr or done.stdout).strip()}")
        unfinished.rename(self.data)

    def _launch(self, runner: Runner, asked_port: int | None) -> None:
        log_file = self.home.log("postgres")
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            port = asked_port or ports.choose(self.home, "postgres", self._echo)
            size_before = log_file.stat().st_size if log_file.exists() else 0
            process = self._spawn(runner, port)
            if self._wait_ready(process, deadline):
                return
            output = log_file.read_bytes()[size_before:].decode(errors="replace") if log_file.exists() else ""
            # Both errors are temporary: the next try uses another port, and backends of the killed server end.
            if time.monotonic() < deadline and (_STOLEN_PORT in output or _LEFTOVERS in output):
                time.sleep(0.2)
                continue
            raise PostgresFailed(f"PostgreSQL did not start. The end of {log_file}:\n{tail(log_file)}")

    def _spawn(self, runner: Runner, port: int) -> psutil.Process:
        settings = [part for name, value in SERVER.items() for part in ("-c", f"{name}={value}")]
        arguments = ["-D", runner.name_of(self.data), "-p", str(port), "-c", self._mark, *settings]
        command = [str(runner.programs / "postgres"), *arguments]
        log = open_log(self.home.log("postgres"))
        try:
            return spawn(command, _environment(), log, directory=self.data, user=runner.user)
        finally:
            os.close(log)

    def _wait_ready(self, process: psutil.Process, deadline: float) -> bool:
        try:
            while is_alive(process) and time.monotonic() < deadline:
                if self._pid() == process.pid and self._state() == "ready":
                    return True
                time.sleep(0.02)
        except BaseException:
            end([process], 0)
            raise
        end([process], 0)
        return False

    def _create_databases(self) -> None:
        # Autocommit, because CREATE DATABASE cannot run in a transaction. An interrupted one leaves nothing.
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_catalog.pg_database")}
            for name in DATABASES:
                if name not in present:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    @property
    def _mark(self) -> str:
        """A setting without effect, so that the command line of the server names its data."""
        return f"sync_hostaway.data={self.data}"

    def _pid(self) -> int | None:
        lines = pid_file(self.home)
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def _state(self) -> str:
        lines = pid_file(self.home)
        return lines[7].strip() if len(lines) > 7 else ""

    def _postmaster(self) -> psutil.Process | None:
        """Return the server's main process, or None if the pid file is stale."""
        pid = self._pid()
        if pid is None:
            return None
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            # A pid is reused sooner or later; the command line identifies our server. Versions without the mark have
            # named the data there.
            if {self._mark, str(self.data)}.intersection(process.cmdline()) and is_alive(process):
                return process
        return None

    def _remove_stale_pid_file(self) -> None:
        # PostgreSQL ignores a stale pid file, but refuses to start if another process has that pid now.
        if self._pid() is not None and self._postmaster() is None:
            self._echo("The last server was not stopped properly; it recovers now.")
            with suppress(PermissionError):
                (self.data / "postmaster.pid").unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    # Without the caller's variables: PGPORT, PGDATA or LC_* would change the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
