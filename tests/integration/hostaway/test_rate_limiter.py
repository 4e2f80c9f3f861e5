"""The request budget, judged by a simulator that counts refusals and by what the slots' waiters get."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import WarehouseUnavailable
from sync_hostaway.hostaway.budget_connection import BudgetConnection
from sync_hostaway.hostaway.rate_limiter import Priority, RateLimit, RateLimits, SharedRateLimiter
from sync_hostaway.privacy.erase import purge_account
from sync_hostaway.simulator import Limit, RunningSimulator, SimulatorConfig, Sizes, running
from waiting import eventually

pytestmark = pytest.mark.integration

ACCOUNTS = {701: "secret-701", 702: "secret-702", 703: "secret-703"}
SPENDER = Path(__file__).with_name("rate_limited_sender.py")
GENEROUS = RateLimit(10_000, 1.0)
# Half of the margin that spenders have: a request may take that long on its way.
_STALL = 0.25

MakeBudget = Callable[..., SharedRateLimiter]


@pytest.fixture
def budget(warehouse_dsn: str) -> Iterator[MakeBudget]:
    """Makes budgets in the fresh warehouse: as many clients as wanted, each with a connection of its own."""
    with ExitStack() as stack:

        def make(
            account_id: int = 701,
            priority: Priority = Priority.FULL,
            *,
            ip: RateLimit | None = None,
            account: RateLimit | None = None,
            **limits: Any,
        ) -> SharedRateLimiter:
            made = SharedRateLimiter(
                account_id,
                priority,
                RateLimits(ip, account, **{"margin": 0.3, **limits}),
                connection=BudgetConnection(lambda: connect(warehouse_dsn)),
            )
            return stack.enter_context(made)

        yield make


def seconds_for(budget: SharedRateLimiter, slots: int = 1) -> float:
    """How long it takes to get some slots."""
    began = time.monotonic()
    for _ in range(slots):
        with budget.permit():
            pass
    return time.monotonic() - began


def take_at_once(budget: SharedRateLimiter, slots: int) -> None:
    """Get some slots of a window that is much longer than this may take."""
    for _ in range(slots):
        with budget.permit(timeout=40):
            pass


def assert_used_up(budget: SharedRateLimiter) -> None:
    """There is no slot before the long window ends."""
    with pytest.raises(TimeoutError), budget.permit(timeout=0.2):
        pass


def spend_together(
    total: int,
    *spenders: tuple[SharedRateLimiter, int],
    max_seconds: float | None = None,
    given: list[int] | None = None,
) -> list[int]:
    """Of so many slots, those that budgets get, each with a number of threads that always want another one.

    A number of slots, not of seconds: on a slow machine, it takes longer to give them.

    :param given: has the sum of them while they are given.
    """
    given = given if given is not None else []
    lock = threading.Lock()

    def work(budget: SharedRateLimiter) -> int:
        slots = 0
        while len(given) < total:
            with suppress(TimeoutError), budget.permit(timeout=max_seconds), lock:
                if len(given) < total:
                    given.append(1)
                    slots += 1
        return slots

    with ThreadPoolExecutor(sum(count for _, count in spenders)) as pool:
        got = [[pool.submit(work, budget) for _ in range(count)] for budget, count in spenders]
    return [sum(worker.result() for worker in workers) for workers in got]


# -- against a server that counts ------------------------------------------------------------------------------------


@dataclass
class Spender:
    """A running `rate_limited_sender.py`; after its end, whether the machine paused it."""

    process: subprocess.Popen[str]
    stalled: bool = False

    @classmethod
    def start(cls, options: dict[str, Any]) -> Spender:
        process = subprocess.Popen(
            [sys.executable, str(SPENDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        spender = cls(process)
        spender.tell(json.dumps(options))
        return spender

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self._note(self.process.communicate()[0])

    def finish(self) -> None:
        self._note(self.process.communicate(timeout=120)[0])
        assert self.process.returncode == 0

    def _note(self, said: str) -> None:
        self.stalled = self.stalled or "stalled" in said


@pytest.fixture
def limited(request: pytest.FixtureRequest) -> Iterator[RunningSimulator]:
    """A simulator that enforces the limit given as parameter."""
    sizes = Sizes(listings=2, reservations=1, conversations=0)
    with running(SimulatorConfig(accounts=ACCOUNTS, sizes=sizes, token_delay=0.0, ip_limit=request.param)) as server:
        yield server


def tokens(server: RunningSimulator) -> dict[int, str]:
    """An access token per account. They count too, so the window they were fetched in has to pass."""
    found = {}
    server.control.reset(only_stats=True)
    for account_id, secret in server.config.accounts.items():
        form = {"grant_type": "client_credentials", "client_id": account_id, "client_secret": secret}
        answer = requests.post(f"{server.url}/v1/accessTokens", data={**form, "scope": "general"}, timeout=10)
        found[account_id] = answer.json()["access_token"]
    assert server.config.ip_limit
    time.sleep(server.config.ip_limit.seconds)
    server.control.reset(only_stats=True)
    return found


def options_for(server: RunningSimulator, dsn: str, accounts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The answer to a request for permits."""
    return {
        "dsn": dsn,
        "url": server.url,
        "ip": server.config.ip_limit,
        "account": GENEROUS,
        "margin": 0.5,
        "accounts": accounts,
        **more,
    }


def refusals(server: RunningSimulator) -> int:
    return sum(server.control.stats()["rateLimited"].values())


@dataclass
class Watch:
    """Sees how long this process, and the simulator with it, was kept from running."""

    longest: float = 0.0

    def __enter__(self) -> Watch:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._end.wait(0.02):
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now


def on_a_machine_that_keeps_up(measure: Callable[[list[Spender]], None], attempts: int = 4) -> None:
    """Measure; and again when that fails and something was kept from running: no budget can make up for that.

    :param measure: notes the spenders that it starts.
    """
    for attempt in range(attempts):
        spenders: list[Spender] = []
        with Watch() as watch:
            try:
                return measure(spenders)
            except AssertionError:
                for spender in spenders:
                    spender.kill()
                stalled = watch.longest > _STALL or any(spender.stalled for spender in spenders)
                if not stalled or attempt + 1 == attempts:
                    raise
    return None


@pytest.mark.parametrize("limited", [Limit(15, 2.0)], indirect=True)
def test_three_accounts_in_two_processes_use_the_whole_limit_and_never_exceed_it(
    limited: RunningSimulator, warehouse_dsn: str
) -> None:
    on_a_machine_that_keeps_up(lambda spenders: spend_75_calls(limited, warehouse_dsn, spenders))


def spend_75_calls(limited: RunningSimulator, warehouse_dsn: str, spenders: list[Spender]) -> None:
    token_of = tokens(limited)
    accounts = [
        {"id": number, "token": token_of[number], "priority": "full", "threads": 8, "calls": 25} for number in ACCOUNTS
    ]
    spenders += [Spender.start(options_for(limited, warehouse_dsn, some)) for some in (accounts[:2], accounts[2:])]
    for spender in spenders:
        spender.wait_ready()
    began = time.monotonic()
    for spender in spenders:
        spender.tell("go")
    for spender in spenders:
        spender.finish()
    wall = time.monotonic() - began
    assert refusals(limited) == 0
    assert limited.control.stats()["total"] == 75
    # 10 % over what the limit allows, and two seconds for processes to end on a busy machine.
    assert wall <= 1.10 * 75 / 7.5 + 2


@pytest.mark.parametrize("limited", [Limit(20, 1.0)], indirect=True)
def test_eight_processes_with_wrong_clocks_of_which_some_are_killed(
    limited: RunningSimulator, warehouse_dsn: str
) -> None:
    on_a_machine_that_keeps_up(lambda spenders: kill_some_spenders(limited, warehouse_dsn, spenders))


def kill_some_spenders(limited: RunningSimulator, warehouse_dsn: str, spenders: list[Spender]) -> None:
    token_of = tokens(limited)
    for number in range(8):
        account_id = 701 + number % 3
        account = {"id": account_id, "token": token_of[account_id], "threads": 4, "calls": 10_000}
        account["priority"] = ("full", "incremental", "delta", "full")[number % 4]
        offset = (0.0, 86_400.0, -86_400.0)[number % 3]
        spenders.append(Spender.start(options_for(limited, warehouse_dsn, [account], clock_offset=offset)))
    for spender in spenders:
        spender.wait_ready()
    for spender in spenders:
        spender.tell("go")
    for victim in spenders[:4]:
        time.sleep(0.5)  # a part of a window: the limit must hold while processes die
        victim.kill()
    before = limited.control.stats()["total"]
    time.sleep(3)  # the period in which calls are counted
    after = limited.control.stats()["total"]
    for spender in spenders:
        spender.kill()
    assert refusals(limited) == 0
    # Killed holders cost what they held, not what the others may have: 60 were possible.
    assert after - before >= 30


# -- who gets the slots ----------------------------------------------------------------------------------------------


def test_a_window_may_be_used_at_once_and_then_as_it_frees(budget: MakeBudget) -> None:
    long = budget(ip=RateLimit(10, 90.0), ip_key="long", margin=30)
    take_at_once(long, 10)
    assert_used_up(long)
    assert seconds_for(budget(ip=RateLimit(10, 1.0)), 11) >= 1.0


def test_an_account_has_a_limit_of_its_own(budget: MakeBudget) -> None:
    limit = RateLimit(5, 90.0)
    one, same, other = (budget(number, account=limit, margin=30) for number in (701, 701, 702))
    take_at_once(one, 3)
    take_at_once(same, 2)
    take_at_once(other, 5)
    for used in (one, same, other):
        assert_used_up(used)


def test_both_limits_hold_at_once(budget: MakeBudget) -> None:
    limits = {"ip": RateLimit(6, 90.0), "account": RateLimit(4, 90.0), "margin": 30}
    one, other = budget(701, **limits), budget(702, **limits)
    got = spend_together(6, (one, 8), (other, 8), max_seconds=0.5)
    assert max(got) <= 4
    assert_used_up(one)
    assert_used_up(other)
    lone = budget(703, **limits, ip_key="elsewhere")
    assert spend_together(4, (lone, 8), max_seconds=0.5) == [4]
    assert_used_up(lone)


def test_addresses_do_not_share(budget: MakeBudget) -> None:
    limit = RateLimit(3, 90.0)
    here, there = budget(ip=limit, ip_key="here", margin=30), budget(ip=limit, ip_key="there", margin=30)
    take_at_once(here, 3)
    take_at_once(there, 3)


def test_a_delta_overtakes_a_full_sync_soon(budget: MakeBudget) -> None:
    limit = RateLimit(15, 3.0)
    full, delta = budget(701, ip=limit), budget(702, Priority.DELTA, ip=limit)
    given: list[int] = []
    ahead: list[int] = []

    def hurry() -> None:
        # The first window belongs to who comes first; from then on slots open one after the other.
        eventually(lambda: len(given) > 16)
        for _ in range(3):
            before = len(given)
            with delta.permit():
                ahead.append(len(given) - before)
            time.sleep(0.2)  # so that the full sync waits for the next permit, too

    with ThreadPoolExecutor(1) as pool:
        hurrying = pool.submit(hurry)
        spend_together(32, (full, 24), given=given)
        hurrying.result()
    # In the order of arrival, 24 others would be ahead; a slow machine may give a whole window to them.
    assert min(ahead) < 5, ahead
    assert max(ahead) <= 15, ahead


def test_no_class_starves(budget: MakeBudget) -> None:
    limit = RateLimit(20, 1.0)
    seconds_for(budget(704, ip=limit), 20)
    full, incremental, delta = (
        budget(number, priority, ip=limit)
        for number, priority in ((701, Priority.FULL), (702, Priority.INCREMENTAL), (703, Priority.DELTA))
    )
    got = spend_together(80, (full, 8), (incremental, 8), (delta, 8))
    # About 10, 30 and 60 percent
    assert got[0] < got[1] < got[2]
    assert got[0] >= 0.05 * sum(got), got


def test_no_priority_of_an_account_starves(budget: MakeBudget) -> None:
    limit = RateLimit(3, 0.5)
    seconds_for(budget(701, account=limit), 3)
    full, delta = budget(701, account=limit), budget(701, Priority.DELTA, account=limit)
    got = spend_together(18, (full, 4), (delta, 8))
    assert 0.05 * sum(got) <= got[0] < got[1], got


def test_a_noisy_account_takes_no_more_than_its_share(budget: MakeBudget) -> None:
    limit = RateLimit(20, 1.0)
    seconds_for(budget(703, ip=limit), 20)
    noisy, quiet = budget(701, ip=limit), budget(702, ip=limit)
    got = spend_together(60, (noisy, 32), (quiet, 2))
    assert got[1] >= 0.35 * sum(got), got


# -- trouble ---------------------------------------------------------------------------------------------------------


def test_a_refusal_holds_everybody_back(budget: MakeBudget) -> None:
    limit = RateLimit(50, 2.0)
    refused, other = budget(701, ip=limit), budget(702, Priority.DELTA, ip=limit)
    seconds_for(other)
    began = time.monotonic()
    refused.block(time.time() + 1.0, "ip")
    seconds_for(other)
    assert time.monotonic() - began > 0.9
    # The end of the wait is no burst: the window was full.
    seconds_for(other, 20)
    assert time.monotonic() - began > 1.5


def test_a_block_of_an_account_delays_only_this_account(budget: MakeBudget) -> None:
    limits = {"ip": RateLimit(50, 2.0), "account": RateLimit(20, 2.0)}
    refused, same, other = (budget(number, **limits) for number in (701, 701, 702))
    refused.block(time.time() + 90, "account")
    take_at_once(other, 1)
    assert_used_up(same)


def test_a_wait_can_be_limited(budget: MakeBudget) -> None:
    one = budget(ip=RateLimit(1, 30.0))
    seconds_for(one)
    with pytest.raises(TimeoutError), one.permit(timeout=0.2):
        pass


def test_without_a_database_nothing_is_sent(budget: MakeBudget) -> None:
    lost = SharedRateLimiter(
        701,
        Priority.FULL,
        RateLimits(RateLimit(5, 1.0), None),
        connection=BudgetConnection(lambda: connect("postgresql://nouser@127.0.0.1:1/nothing")),
    )
    sent = []
    with pytest.raises(WarehouseUnavailable), lost.permit():
        sent.append("request")
    assert not sent


def test_an_interrupt_leaves_no_connection_open(
    warehouse: Connection, warehouse_dsn: str, request: pytest.FixtureRequest
) -> None:
    """Ctrl-C, or Airflow's timeout of a task, while a limiter withdraws."""
    # A shell starts background processes with SIGINT ignored.
    request.addfinalizer(
        partial(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
    )
    opened: list[Connection] = []

    def open_connection() -> Connection:
        opened.append(connect(warehouse_dsn))
        return opened[-1]

    limits = RateLimits(RateLimit(5, 1.0), None)
    one = SharedRateLimiter(701, Priority.FULL, limits, connection=BudgetConnection(open_connection))
    seconds_for(one)
    waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

    def interrupt() -> None:
        with connect(warehouse_dsn) as looking:
            eventually(lambda: looking.execute(waits).fetchone())
        signal.raise_signal(signal.SIGINT)

    with warehouse.transaction():
        warehouse.execute("lock table ops.rate_limit_waiters in access exclusive mode")
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            one.close()
        thread.join()
    assert [connection.closed for connection in opened] == [True]


def test_a_lost_connection_is_opened_again(budget: MakeBudget, warehouse: Connection) -> None:
    one = budget(ip=RateLimit(5, 1.0))
    seconds_for(one)
    warehouse.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    assert seconds_for(one) < 10


def test_slots_lost_in_a_crash_cost_a_window_of_silence(budget: MakeBudget, warehouse: Connection) -> None:
    one = budget(ip=RateLimit(5, 1.0))
    seconds_for(one)
    # What a crash does to unlogged tables
    warehouse.execute("truncate ops.rate_limit_permits, ops.rate_limit_waiters")
    assert seconds_for(one) > 0.9


def test_the_database_refuses_to_give_a_slot_twice(budget: MakeBudget, warehouse: Connection) -> None:
    one = budget(ip=RateLimit(1, 30.0))
    seconds_for(one)
    with pytest.raises(psycopg.errors.RaiseException, match="is taken until"):
        warehouse.execute(
            "update ops.rate_limit_permits"
            " set permit_id = gen_random_uuid(), taken_at = now(), free_at = now() + window_length"
        )


def test_a_lowered_limit_counts_what_was_sent_before(budget: MakeBudget) -> None:
    began = time.monotonic()
    seconds_for(budget(ip=RateLimit(10, 2.0)), 6)
    seconds_for(budget(ip=RateLimit(5, 2.0)))
    assert time.monotonic() - began >= 2.0


def test_a_purged_account_gives_back_no_slot_before_its_time(
    warehouse: Connection, account: int, budget: MakeBudget
) -> None:
    limits: dict[str, Any] = {"ip": RateLimit(3, 60.0), "account": RateLimit(2, 60.0)}
    leaving, staying = budget(701, **limits), budget(702, **limits)
    take_at_once(leaving, 2)
    take_at_once(staying, 1)
    assert_used_up(staying)
    purge_account(warehouse, account)
    assert_used_up(staying)
    assert_used_up(budget(701, **limits))
    left = warehouse.execute("select count(*) as slots from ops.rate_limit_permits where account_id = 701").fetchone()
    assert left == {"slots": 0}


def test_the_accounts_of_a_process_share_one_connection(warehouse: Connection) -> None:
    def limiters_connections() -> int:
        query = "select count(*) as n from pg_stat_activity where application_name = 'sync-hostaway budget'"
        row = warehouse.execute(query + " and datname = current_database()").fetchone()
        return int(row["n"]) if row else 0

    limits = RateLimits(RateLimit(100, 1.0), RateLimit(100, 1.0))
    with ExitStack() as stack, ThreadPoolExecutor(16) as threads:
        several = [
            stack.enter_context(SharedRateLimiter(account_id, Priority.DELTA, limits)) for account_id in range(701, 717)
        ]

        def send(limiter: SharedRateLimiter) -> None:
            for _ in range(3):
                with limiter.permit(timeout=20):
                    pass

        list(threads.map(send, several))
        assert limiters_connections() == 1
        several[0].close()
        send(several[1])
        assert limiters_connections() == 1
    eventually(lambda: limiters_connections() == 0, 10)
