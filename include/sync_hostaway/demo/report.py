"""Output of `make demo`: the progress while it runs, and the final table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, LiteralString

from psycopg import sql
from rich.table import Table
from rich.text import Text

from sync_hostaway.core.console import pluralize
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.extract.context import Window

QUERIES = load_queries(Path(__file__).with_name("report.sql"))

EchoText = Callable[[str | Text], None]

_PHOTOS, _GUESTS = "listing_photos", "guests"
_MADE_FROM = {Resource.LISTINGS: _PHOTOS, Resource.RESERVATIONS: _GUESTS}
# For these resources, Hostaway has no single list with a count.
_PIECEMEAL = (Resource.MESSAGES, Resource.CALENDAR_DAYS)
_KEYS = {Resource.RESERVATION_FINANCE: "reservation_id"}
_RESOURCES = frozenset(resource.value for resource in Resource)
_GOOD = ("complete", "complete_after_retry")
_REFUSED = "refused"
_NEVER = "never begun"
_LANDED: LiteralString = (
    "select {name} as table_name, account_id, entity_id, deleted_at is null as is_live from landing.{table}"
)
_CORE: LiteralString = """
    select {name} as table_name, account_id, {key}::text collate "C" as entity_id
    from hostaway.{table} where not is_deleted
"""
# Seconds between two lines about a resource
_PROGRESS_EVERY = 3.0


class ProgressLines:
    """Prints the progress of each resource every few seconds, and when a try ends."""

    def __init__(self, echo: EchoText) -> None:
        self._echo = echo
        self._said: dict[int, float] = {}
        self._done: set[int] = set()

    def update(self, runs: list[dict[str, Any]]) -> None:
        """Print changes in the sync log's rows of the runs."""
        for run in runs:
            number = run["sync_run_id"]
            if number in self._done:
                continue
            if run["status"] != "running":
                self._done.add(number)
                self._echo(_line(run))
            elif run["seconds"] - self._said.get(number, 0.0) >= _PROGRESS_EVERY:
                self._said[number] = run["seconds"]
                self._echo(_line(run))


@dataclass(frozen=True)
class Chain:
    """A resource of this run: all its tries, and the result of the last one."""

    status: str
    expected: int | None
    rejected: int
    day: date
    seconds: float
    api_calls: int
    error: str | None = None


@dataclass(frozen=True)
class Count:
    """One table of one account."""

    account_id: int
    table: str
    chain: Chain | None
    landed: int | None = 0
    ever_landed: int | None = 0
    core: int = 0
    deferred: int = 0
    missing: int = 0

    @property
    def is_resource(self) -> bool:
        """Whether a sync fills this table. Photos are part of listings, and guests part of reservations."""
        return self.table in _RESOURCES

    @property
    def trouble(self) -> str | None:
        """Why the table is not complete, or None."""
        if self.is_resource:
            status = self.chain.status if self.chain else _NEVER
            if status == _REFUSED:
                return None
            if status not in _GOOD:
                return f"sync {status}"
        missing = max(self.missing, self._never_landed)
        return f"{missing:,} rows are missing" if missing else None

    @property
    def outcome(self) -> Text:
        """The last column of the table."""
        if self.trouble:
            return Text(self.trouble, "bold red")
        return Text("refused", "yellow") if self.is_refused else Text("complete", "green")

    @property
    def is_refused(self) -> bool:
        """Whether Hostaway refuses this resource to the account."""
        return self.chain is not None and self.chain.status == _REFUSED

    @property
    def _never_landed(self) -> int:
        """Rows that were read, but neither landed nor were rejected."""
        if self.table in _PIECEMEAL or self.chain is None or self.chain.expected is None:
            return 0
        return max(self.chain.expected - (self.ever_landed or 0) - self.chain.rejected, 0)


@dataclass(frozen=True)
class DemoReport:
    """Rows per account and table, from the source to core."""

    counts: list[Count]
    transforms: dict[str, Any]

    @classmethod
    def read(cls, warehouse: Connection, run_ids: dict[int, str], since: datetime) -> DemoReport:
        """Compare the rows that the runs read with the rows in the tables.

        :param run_ids: the run of each account.
        :param since: when the runs were requested.
        """
        settings, accounts = get_settings(), list(run_ids)
        parameters = {"accounts": accounts, "run_keys": list(set(run_ids.values()))}
        found = warehouse.execute(QUERIES["chains"], parameters).fetchall()
        chains = {key: Chain(**rest) for key, rest in _keyed(found, "account_id", "resource").items()}
        days = [_day(chains.get((account, Resource.CALENDAR_DAYS.value))) for account in accounts]
        windows = [Window.around(day, settings) for day in days]
        parameters["first_days"] = [window.start.isoformat() for window in windows]
        parameters["last_days"] = [window.end.isoformat() for window in windows]
        query = QUERIES["arrived"].format(landed=_of_each_list(_LANDED), core=_of_each_list(_CORE))
        arrived = _keyed(warehouse.execute(query, parameters).fetchall(), "account_id", "table_name")
        counts = [
            Count(account, table, chains.get((account, table)), **arrived.get((account, table), {}))
            for account in accounts
            for table in _tables(settings)
        ]
        return cls(counts, warehouse.execute(QUERIES["transforms_since"], {"since": since}).fetchone() or {})

    @property
    def complete(self) -> bool:
        """Whether every resource is complete, and every landed row is in core or deferred."""
        return not any(count.trouble for count in self.counts)

    def table(self) -> Table:
        """Return the result with a line per account and table."""
        table = Table("account", "table", title="Rows in Hostaway and in the tables")
        table.title_justify = "left"
        for heading in ("source", "landing", "core", "deferred", "quarantined", "seconds", "API calls"):
            table.add_column(heading, justify="right")
        table.add_column("status", overflow="fold")
        for number, count in enumerate(self.counts, start=1):
            chain = count.chain
            table.add_row(
                str(count.account_id),
                count.table,
                _number(chain.expected if chain else None),
                _number(count.landed),
                _number(count.core),
                _number(count.deferred),
                _number(chain.rejected if chain else 0),
                f"{chain.seconds:.1f}" if chain else "",
                _number(chain.api_calls if chain else None),
                count.outcome,
                end_section=number == len(self.counts) or self.counts[number].account_id != count.account_id,
            )
        return table

    def summary(self, seconds: float) -> str:
        """Return the paragraph below the table."""
        calls = sum(count.chain.api_calls for count in self.counts if count.chain)
        rows = sum(count.core for count in self.counts)
        transforms = self.transforms.get("transforms", 0)
        troubled = [f"{count.account_id} {count.table} ({count.trouble})" for count in self.counts if count.trouble]
        refused = [f"{count.account_id} {count.table}" for count in self.counts if count.is_refused]
        conclusion = "Every row arrived."
        if refused:
            conclusion = f"Hostaway refuses {', '.join(refused)}. Every other row arrived."
        if troubled:
            conclusion = f"Incomplete: {', '.join(troubled)}."
        lines = [
            f"{conclusion} The core tables hold {rows:,} rows. It took {calls:,} API calls, "
            f"{pluralize(transforms, 'dbt run')} of {self.transforms.get('seconds', 0):.1f} s, "
            f"{seconds:.0f} s in total.",
            "Photos are part of listings, and guests part of reservations: Hostaway gives no count of them.",
        ]
        lines += [
            f"{count.account_id} {count.table}: {count.chain.error}"
            for count in self.counts
            if (count.trouble or count.is_refused) and count.chain and count.chain.error
        ]
        return "\n".join(lines)


def _of_each_list(rows: LiteralString) -> sql.Composed:
    """The rows of every resource that a list of its own fills; calendar days are compared by their window."""
    return sql.SQL(" union all ").join(
        sql.SQL(rows).format(
            name=sql.Literal(resource.value),
            table=sql.Identifier(resource.value),
            # listing_id of listings, and so on
            key=sql.Identifier(_KEYS.get(resource) or f"{resource.value.removesuffix('s')}_id"),
        )
        for resource in Resource
        if resource is not Resource.CALENDAR_DAYS
    )


def _tables(settings: Settings) -> list[str]:
    """Return the mirrored tables and those built from them, in the order of reading."""
    tables = [table for resource in settings.resources for table in (resource.value, _MADE_FROM.get(resource)) if table]
    return [table for table in tables if table != _PHOTOS or settings.photos]


def _line(run: dict[str, Any]) -> Text:
    text = Text(f"{run['account_id']} {run['resource']}: {_rows(run)}, {pluralize(run['api_calls'], 'API call')}")
    if run["rows_quarantined"]:
        text.append(", ").append(f"{run['rows_quarantined']:,} in quarantine", "yellow")
    if run["status"] == "running":
        return text
    text.append(f", {run['seconds']:.1f} s, {run['status']}")
    if run["status"] in _GOOD:
        return Text.assemble(("✓", "green"), " ", text)
    mark = ("–", "yellow") if run["status"] == _REFUSED else ("✗", "red")
    return Text.assemble(mark, " ", text, f": {run['error']}")


def _rows(run: dict[str, Any]) -> str:
    """Rows read, and their total. Messages and calendar days have no total: Hostaway counts them per parent."""
    seen, expected = run["rows_seen"], run["rows_expected"]
    if run["resource"] in _PIECEMEAL or not expected:
        return f"{pluralize(seen, 'row')} read{' so far' * (run['status'] == 'running')}"
    return f"{seen:,} of {pluralize(expected, 'row')} read"


def _keyed(rows: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {
        tuple(row[name] for name in names): {name: value for name, value in row.items() if name not in names}
        for row in rows
    }


def _day(calendar: Chain | None) -> date:
    return calendar.day if calendar else datetime.now(UTC).date()


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
