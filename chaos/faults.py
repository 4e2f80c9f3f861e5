"""The faults. Each is a context manager: entering it does the harm, leaving it lifts the harm.

The file is long, because it has all faults: `plan` combines each of them with each operation.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from chaos.clock import move_clock
from chaos.scene import Process, Scene
from chaos.world import ACCOUNTS
from sync_hostaway.accounts.registry import get_account, rotate_secret
from sync_hostaway.transforms.project import find_project

# Seconds that most faults last.
_LASTS = 2.0
_LOCKED_TABLES = ("landing.reservations", "ops.loads", "ops.sync_runs", "ops.webhook_events", "hostaway.reservations")
_CONNECTIONS = 200
API_FAULTS: dict[str, dict[str, Any]] = {
    "connections reset": {"kind": "reset", "times": 2},
    "status 503": {"kind": "status_5xx", "times": 2},
    "status 429": {"kind": "status_429", "times": 2, "retry_after": 1.0},
    "a web page in place of JSON": {"kind": "html_200", "times": 1},
    "an error with status 200": {"kind": "fail_200", "times": 1},
    "JSON that ends early": {"kind": "cut_json", "times": 1},
    "half a page": {"kind": "half_page", "times": 1},
    "ids repeated on the next page": {"kind": "repeat_ids", "times": 1},
    "a wrong count": {"kind": "count_off", "times": 1, "by": 1},
    "rows that change during the read": {"kind": "drift", "times": 3, "update": 1, "insert": 1, "delete": 1},
    "an expired token": {"kind": "expire_token", "times": 1},
    "slow answers": {"kind": "slow", "times": 8, "seconds": 0.4},
}


@dataclass
class Strike:
    """What a fault acts on.

    :param started_process: the process of the operation; None before it starts. `process` raises an error then.
    :param second_process: runs beside it; None: the fault starts none.
    :param env: changes of its settings.
    """

    scene: Scene
    work: str
    arguments: dict[str, Any]
    after_calls: int = 0
    started_process: Process | None = None
    second_process: Process | None = None
    env: dict[str, str] = field(default_factory=dict)

    @property
    def process(self) -> Process:
        """The process of the operation."""
        if self.started_process is None:
            raise RuntimeError("The operation has not started")
        return self.started_process


Harm = Callable[[Strike], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A fault.

    :param before: it is there before the operation starts, and until it has ended; else it strikes at the moment.
    :param seconds: how long it lasts; None: until the operation has ended.
    :param calls_only: it needs an operation that calls Hostaway.
    :param resets_clock: the source's clock has moved, and must be reset after the round.
    """

    part: str
    name: str
    harm: Harm
    before: bool = False
    seconds: float | None = 0.0
    calls_only: bool = False
    resets_clock: bool = False
    only: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()

    def fits(self, work: str, *, calls: int) -> bool:
        """Whether it makes sense for an operation."""
        return (calls > 0 or not self.calls_only) and work not in self.never and (not self.only or work in self.only)


# -- the process of the operation ----------------------------------------------------------------------------------


@contextmanager
def _killed(strike: Strike) -> Iterator[None]:
    strike.process.signal(signal.SIGKILL)
    strike.process.wait(30)
    yield


@contextmanager
def _terminated(strike: Strike) -> Iterator[None]:
    strike.process.signal(signal.SIGTERM)
    yield


@contextmanager
def _suspended(strike: Strike) -> Iterator[None]:
    strike.process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        strike.process.signal(signal.SIGCONT)


@contextmanager
def _started_twice(strike: Strike) -> Iterator[None]:
    strike.second_process = strike.scene.start(strike.work, strike.arguments)
    yield


@contextmanager
def _beside_a_sync(strike: Strike) -> Iterator[None]:
    account = int(strike.arguments.get("account", 701))
    strike.second_process = strike.scene.start(
        "sync", {"account": account, "mode": "full", "run_key": "second process"}
    )
    yield


@contextmanager
def _beside_another_version(strike: Strike) -> Iterator[None]:
    """A transform of a project that differs in a model, as while a deployment is replaced."""
    folder = strike.scene.world.scratch / "another-version"
    if not folder.exists():
        shutil.copytree(find_project(), folder, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
        model = folder / "models" / "core" / "coupons.sql"
        model.write_text(model.read_text(encoding="utf-8") + "\nlimit 1000000\n", encoding="utf-8")
    strike.second_process = strike.scene.start("transform", {"run_key": "another version", "project": str(folder)})
    yield


# -- PostgreSQL ----------------------------------------------------------------------------------------------------


@contextmanager
def _sessions_ended(strike: Strike) -> Iterator[None]:
    ended = sql.SQL(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = {} and application_name not like 'chaos moment' and pid <> pg_backend_pid()"
    ).format(sql.Literal(strike.scene.dsn.rpartition("/")[2]))
    for _ in range(3):
        strike.scene.world.admin(ended)
        time.sleep(0.2)
    yield


@contextmanager
def _postgres_killed(strike: Strike) -> Iterator[None]:
    world = strike.scene.world
    _each(world.postgres_processes(), lambda process: process.kill())
    try:
        yield
    finally:
        world.wait_for_postgres()


@contextmanager
def _postgres_suspended(strike: Strike) -> Iterator[None]:
    processes = strike.scene.world.postgres_processes()
    _each(processes, lambda process: process.suspend())
    try:
        yield
    finally:
        _each(processes, lambda process: process.resume())


@contextmanager
def _postgres_restarted(strike: Strike) -> Iterator[None]:
    world = strike.scene.world
    world.postgres.stop()
    try:
        yield
    finally:
        world.wait_for_postgres()


@contextmanager
def _no_free_connection(strike: Strike) -> Iterator[None]:
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            for _ in range(_CONNECTIONS):
                stack.enter_context(psycopg.connect(strike.scene.world.postgres.dsn("postgres")))
        yield


@contextmanager
def _table_locked(strike: Strike) -> Iterator[None]:
    table = strike.scene.rng.choice(_LOCKED_TABLES)
    with psycopg.connect(strike.scene.dsn, application_name="chaos lock") as connection:
        with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable):
            connection.execute("set lock_timeout = '1s'")
            connection.execute(
                sql.SQL("lock table {} in access exclusive mode").format(sql.Identifier(*table.split(".")))
            )
        yield
        connection.rollback()


@contextmanager
def _disk_full(strike: Strike) -> Iterator[None]:
    world = strike.scene.world
    world.disk.fill()
    try:
        yield
    finally:
        world.disk.free()
        world.wait_for_postgres()


def _each(processes: Iterable[psutil.Process], do: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            do(process)


# -- Hostaway ------------------------------------------------------------------------------------------------------


@contextmanager
def _api_suspended(strike: Strike) -> Iterator[None]:
    process = psutil.Process(strike.scene.world.simulator.pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextmanager
def _api_away(strike: Strike) -> Iterator[None]:
    strike.scene.control.fault("reset", times=0)
    try:
        yield
    finally:
        strike.scene.control.clear_faults()


def _api_answers(rule: dict[str, Any]) -> Harm:
    @contextmanager
    def harm(strike: Strike) -> Iterator[None]:
        strike.scene.control.add_faults([{**rule, "after": strike.after_calls}])
        try:
            yield
        finally:
            strike.scene.control.clear_faults()

    return harm


# -- keys and clocks -----------------------------------------------------------------------------------------------


@contextmanager
def _api_key_replaced(strike: Strike) -> Iterator[None]:
    scene = strike.scene
    scene.control.set_secret(701, "another-secret")
    scene.control.fault("expire_token", match={"account": 701}, times=0)
    try:
        yield
    finally:
        scene.control.set_secret(701, ACCOUNTS[701])
        scene.control.clear_faults()
        with scene.connection() as connection:
            # What an operator does, as the account's status says.
            if get_account(connection, 701).state == "credentials_rejected":
                rotate_secret(connection, 701, ACCOUNTS[701])


def _settings(make: Callable[[], dict[str, str]]) -> Harm:
    @contextmanager
    def harm(strike: Strike) -> Iterator[None]:
        strike.env.update(make())
        yield

    return harm


def _clock(seconds: int) -> Harm:
    @contextmanager
    def harm(strike: Strike) -> Iterator[None]:
        move_clock(strike.scene.world.scratch, seconds)
        yield

    return harm


@contextmanager
def _hostaways_clock(strike: Strike) -> Iterator[None]:
    strike.scene.control.advance_clock(3600)
    yield


def all_faults(*, can_fill_disk: bool, can_move_clock: bool) -> list[Fault]:
    """Every fault that this machine allows."""
    return list(_faults(can_fill_disk=can_fill_disk, can_move_clock=can_move_clock))


def _faults(*, can_fill_disk: bool, can_move_clock: bool) -> Generator[Fault]:
    process, postgres, api = "process", "PostgreSQL", "Hostaway API"
    yield Fault(process, "killed", _killed)
    yield Fault(process, "SIGTERM", _terminated)
    yield Fault(process, "suspended 2 s", _suspended, seconds=_LASTS)
    yield Fault(process, "started twice", _started_twice)
    yield Fault(process, "beside a full sync", _beside_a_sync, only=frozenset({"erase", "purge", "delta", "transform"}))
    yield Fault(
        process, "beside another version", _beside_another_version, only=frozenset({"transform", "erase", "sync"})
    )
    yield Fault(postgres, "killed", _postgres_killed, seconds=0.5)
    yield Fault(postgres, "suspended 2 s", _postgres_suspended, seconds=_LASTS)
    yield Fault(postgres, "restarted", _postgres_restarted, seconds=0.5)
    yield Fault(postgres, "sessions ended", _sessions_ended)
    yield Fault(postgres, "no free connection", _no_free_connection, seconds=_LASTS)
    yield Fault(postgres, "a table locked 2 s", _table_locked, seconds=_LASTS, never=frozenset({"migrate"}))
    if can_fill_disk:
        yield Fault(postgres, "disk full", _disk_full, seconds=3.0)
    yield Fault(api, "suspended 2 s", _api_suspended, seconds=_LASTS, calls_only=True)
    yield Fault(api, "unreachable 3 s", _api_away, seconds=3.0, calls_only=True)
    for name, rule in API_FAULTS.items():
        yield Fault(api, name, _api_answers(rule), before=True, seconds=None, calls_only=True)
    yield Fault("keys", "API key replaced", _api_key_replaced, seconds=None, calls_only=True, only=_OF_701)
    no_key = _settings(lambda: {"AIRFLOW__HOSTAWAY__SECRET_KEYS": ""})
    wrong_key = _settings(lambda: {"AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode()})
    yield Fault("keys", "no encryption key", no_key, before=True, seconds=None, calls_only=True)
    yield Fault("keys", "another encryption key", wrong_key, before=True, seconds=None, calls_only=True)
    yield Fault("clock", "Hostaway's, 1 h ahead", _hostaways_clock, calls_only=True, resets_clock=True)
    if can_move_clock:
        for name, seconds in {
            "2 days ahead": 172_800,
            "2 days back": -172_800,
            "1 h ahead": 3600,
            "1 h back": -3600,
        }.items():
            yield Fault("clock", name, _clock(seconds), seconds=None, never=frozenset({"migrate"}))


_OF_701 = frozenset({"sync", "delta", "poll", "send"})
