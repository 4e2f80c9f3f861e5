"""What a sync costs and loses, beside the peers: full, nothing changed, 1 % changed, and a read of a list that changes.

Each peer is compared on the resources it has: dlt on listings, reservations, conversations and messages; omniload,
which has no messages, on calendars instead. Every client starts from the same data of the same simulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

import psycopg

from benchmarks import peers
from benchmarks.clients import DLT, OMNILOAD, Client, Mirror, Ours, Peer
from benchmarks.environment import ACCOUNT, Environment, Simulator
from benchmarks.options import SIZES, Options
from benchmarks.process import Usage
from benchmarks.report import Result, Spread, ratio
from benchmarks.sync_targets import Census, targets
from benchmarks.truth import Comparison, Stamps, compare
from benchmarks.warm import warm
from sync_hostaway.simulator.config import Sizes

FULL, UNCHANGED, CHANGED, DRIFT = "full", "nothing changed", "1 % changed", "drift"
_COLUMNS = (
    "scenario",
    "client",
    *("calls", "429s", "seconds", "CPU s", "peak MB", "rows", "rows/s", "missing", "duplicate", "stale"),
)
# The same year of days that omniload's calendar call gets by default.
_YEAR = {"AIRFLOW__HOSTAWAY__CALENDAR_DAYS_BACK": "0", "AIRFLOW__HOSTAWAY__CALENDAR_DAYS_AHEAD": "364"}


@dataclass
class Sample:
    """One measured sync."""

    scenario: str
    client: str
    calls: dict[str, int]
    throttled: int
    usage: Usage
    found: Comparison
    size: str = ""

    @property
    def total_calls(self) -> int:
        """Calls of every kind, refused ones too."""
        return sum(self.calls.values())


@dataclass
class Comparing:
    """One peer and this project, over the same resources."""

    peer: Peer
    options: Options
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    census: Census = field(default_factory=Census)

    def clients(self) -> list[Client]:
        """This project, and the peer when it can be had."""
        ours = Ours(list(self.peer.tables), {**_YEAR, "AIRFLOW__HOSTAWAY__BUDGET_IP": self.options.ip_limit})
        return [ours, self.peer] if self.options.peers else [ours]

    def values(self, scenario: str, client: str) -> list[Sample]:
        """Samples of one line of the table."""
        return [item for item in self.samples if (item.scenario, item.client) == (scenario, client)]


def run(options: Options) -> list[Result]:
    """Both comparisons at one size."""
    trouble = None
    if options.peers:
        try:
            peers.ensure_environment(options.say)
        except peers.PeersUnavailable as unavailable:
            trouble = str(unavailable)
            options = replace(options, peers=False)
    comparisons = [Comparing(DLT, options), Comparing(OMNILOAD, options)]
    with Environment() as environment:
        _warm_clients(environment, comparisons, options)
        with environment.simulator(SIZES[options.size], options.ip_limit) as simulator:
            for number in range(options.runs):
                for comparing in comparisons:
                    _round(environment, simulator, comparing, number + 1)
    return [_result(comparing, trouble) for comparing in comparisons]


def _warm_clients(environment: Environment, comparisons: list[Comparing], options: Options) -> None:
    """Every client mirrors a tiny account first: what Python compiles at a first import is not measured."""
    options.say("warming up")
    with environment.simulator(Sizes(listings=1, reservations=5, conversations=5)) as simulator:
        for comparing in comparisons:
            for client in comparing.clients():
                with _mirror(client, environment, simulator) as mirror:
                    mirror.sync(full=True)


def _round(environment: Environment, simulator: Simulator, comparing: Comparing, number: int) -> None:
    """Every scenario once. All clients see the same states of the source, one after the other."""
    simulator.control.reset()
    if comparing.options.ip_limit == "off":
        warm(simulator, tuple(comparing.peer.tables))
    clients = comparing.clients()
    mirrors = {client.name: client.mirror(environment, simulator) for client in clients}
    for scenario in (FULL, UNCHANGED, CHANGED):
        if scenario == CHANGED:
            _change(simulator, comparing)
        for name, mirror in mirrors.items():
            comparing.options.say(f"sync {comparing.options.size}, run {number}: {scenario}, {name}")
            _measure(simulator, comparing, scenario, name, mirror)
    for mirror in mirrors.values():
        environment.drop(mirror.dsn)
    for client in clients:
        comparing.options.say(f"sync {comparing.options.size}, run {number}: {DRIFT}, {client.name}")
        # Anew for each: the rows that jumped for one client would stand at the front already for the next.
        simulator.control.reset()
        with _mirror(client, environment, simulator) as mirror:
            match = {"resource": "reservations", "method": "GET"}
            simulator.control.fault("drift", match=match, after=1, times=3, update=1)
            _measure(simulator, comparing, DRIFT, client.name, mirror)


@contextmanager
def _mirror(client: Client, environment: Environment, simulator: Simulator) -> Iterator[Mirror]:
    mirror = client.mirror(environment, simulator)
    try:
        yield mirror
    finally:
        environment.drop(mirror.dsn)


def _change(simulator: Simulator, comparing: Comparing) -> None:
    """1 % of the reservations and listings change; 1 % of the conversations get a message of a guest."""
    control = simulator.control
    changed = set(control.touch("reservations", 1, account_id=ACCOUNT))
    control.touch("listings", 1, account_id=ACCOUNT)
    conversations = control.truth(ACCOUNT)["ids"]["conversations"][::100]
    for conversation in conversations:
        control.create("messages", {"conversationId": conversation}, account_id=ACCOUNT, emit=False)
    # A new message touches its reservation too.
    changed |= {
        control.object("conversations", conversation, ACCOUNT)["reservationId"] for conversation in conversations
    }
    listings = {control.object("reservations", number, ACCOUNT)["listingMapId"] for number in changed}
    comparing.census.changed_reservations = len(changed)
    comparing.census.changed_conversations = len(conversations)
    comparing.census.due_calendars = len(listings)


def _measure(simulator: Simulator, comparing: Comparing, scenario: str, name: str, mirror: Mirror) -> None:
    simulator.control.reset(only_stats=True)
    usage = mirror.sync(full=scenario in (FULL, DRIFT))
    stats = simulator.control.stats()
    calls = {kind: number for counter in stats["calls"].values() for kind, number in counter.items()}
    if usage.error:
        last = usage.error.splitlines()[-1]
        comparing.failures.append(f"{name}, {scenario}: exit code {usage.exit_code}: {last}")
    found = Comparison()
    for resource in comparing.peer.tables:
        found += _compare(simulator, comparing, resource, mirror)
    throttled = sum(stats["rateLimited"].values())
    comparing.samples.append(Sample(scenario, name, calls, throttled, usage, found, comparing.options.size))
    if scenario == FULL and name == "sync-hostaway":
        comparing.census.conversations_read = calls.get("messages.list", 0)


def _compare(simulator: Simulator, comparing: Comparing, resource: str, mirror: Mirror) -> Comparison:
    truth = simulator.control.truth(ACCOUNT)
    comparing.census.counts = truth["counts"]
    try:
        if resource == "calendar_days":
            # Both sides have one row per listing and date, so only the count can differ.
            rows, wanted = mirror.count(resource), 365 * truth["counts"]["listings"]
            return Comparison(rows, missing=max(wanted - rows, 0), surplus=max(rows - wanted, 0))
        return compare(_stamps(simulator, resource, truth["ids"][resource]), mirror.rows(resource))
    except psycopg.errors.UndefinedTable:
        return Comparison(missing=truth["counts"].get(resource, 0))


def _stamps(simulator: Simulator, resource: str, ids: list[int]) -> Stamps:
    """Ids of the source; of reservations with the version they should have."""
    if resource != "reservations":
        return dict.fromkeys(ids)
    stamps: dict[int, str | None] = {}
    while len(stamps) < len(ids):
        page = simulator.control.objects(resource, ACCOUNT, offset=len(stamps), limit=2_000)
        stamps.update((item["id"], item.get("updatedOn")) for item in page)
    return stamps


def _result(comparing: Comparing, trouble: str | None) -> Result:
    options, resources = comparing.options, ", ".join(comparing.peer.tables)
    result = Result(f"sync {options.size}: {resources} (limit {options.ip_limit})", _COLUMNS)
    for scenario in (FULL, UNCHANGED, CHANGED, DRIFT):
        for client in (item.name for item in comparing.clients()):
            result.rows.append(_row(scenario, client, comparing.values(scenario, client)))
    medians = {
        (scenario, client, figure): Spread.of(
            _figure(item, figure) for item in comparing.values(scenario, client)
        ).median
        for scenario in (FULL, UNCHANGED, CHANGED, DRIFT)
        for client in ("sync-hostaway", comparing.peer.name)
        for figure in ("calls", "wall", "cpu", "rss", "rows_per_s", "lost")
    }
    result.targets = targets(medians, comparing.peer.name, comparing.census, options.size)
    result.raw = [{**asdict(item), "total_calls": item.total_calls} for item in comparing.samples]
    result.notes = [f"Failed: {text}" for text in comparing.failures]
    if trouble:
        result.notes.append(f"Without peers: {trouble}")
    return result


def _row(scenario: str, client: str, samples: list[Sample]) -> list[str]:
    def text(figure: str, digits: int = 0) -> str:
        return Spread.of(_figure(item, figure) for item in samples).text(digits)

    counts = [text(figure) for figure in ("calls", "throttled")]
    costs = [text("wall", 1), text("cpu", 1), text("rss")]
    found = [text(figure) for figure in ("rows", "rows_per_s", "missing", "duplicate", "stale")]
    return [scenario, client, *counts, *costs, *found]


def _figure(sample: Sample, figure: str) -> float | None:
    usage, found = sample.usage, sample.found
    figures = {
        "calls": sample.total_calls,
        "throttled": sample.throttled,
        "wall": usage.wall,
        "cpu": usage.cpu,
        "rss": usage.rss_mb,
        "rows": found.rows,
        "rows_per_s": ratio(found.rows, usage.wall) if sample.scenario == FULL else None,
        "missing": found.missing,
        "duplicate": found.duplicate,
        "stale": found.stale,
        "lost": found.missing + found.duplicate + found.stale,
    }
    return figures[figure]
