"""What `make demo` shows: progress while it runs, and the table at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from rich.table import Table

from sync_hostaway.warehouse import Connection

_TABLES = ("listings", "listing_photos", "reservations", "guests", "conversations", "messages", "calendar_days")


class ProgressLines:
    """Says how far each resource is: when it is done, and every few seconds until then."""

    def __init__(self, say: Callable[[str], None], every_seconds: float = 3.0) -> None:
        self._say = say
        self._every = every_seconds
        self._said: dict[tuple[int, str], float] = {}
        self._done: set[tuple[int, str]] = set()

    def show(self, runs: list[dict[str, Any]]) -> None:
        """Look at the sync log's rows of the runs."""
        for run in runs:
            key = (run["account_id"], run["resource"])
            if run["verdict"] != "running" and key not in self._done:
                self._done.add(key)
                self._say(_line(run))
            elif key not in self._done and run["seconds"] - self._said.get(key, 0.0) >= self._every:
                self._said[key] = run["seconds"]
                self._say(_line(run))


@dataclass(frozen=True)
class _Count:
    account_id: int
    table: str
    source: int | None
    landed: int | None
    core: int
    held: int
    quarantined: int
    seconds: float | None
    calls: int | None

    @property
    def complete(self) -> bool:
        """Whether each row of the source is in core, or accounted for by name."""
        known = self.landed if self.source is None else self.source
        return known is None or known == self.core + self.held + self.quarantined


@dataclass(frozen=True)
class DemoReport:
    """Rows per account and table, from the source to core."""

    counts: list[_Count]
    runs: list[dict[str, Any]]
    transforms: dict[str, Any]

    @classmethod
    def read(
        cls, warehouse: Connection, queries: dict[str, sql.SQL], run_ids: dict[int, str], since: datetime
    ) -> DemoReport:
        """Count what arrived."""
        runs = warehouse.execute(queries["run_progress"], {"run_keys": list(run_ids.values())}).fetchall()
        by_resource = {(run["account_id"], run["resource"]): run for run in runs}
        landed, core, held, quarantined = (
            {(row["account_id"], row["table_name"]): int(row["rows"]) for row in warehouse.execute(queries[name])}
            for name in ("landed", "core", "held", "quarantined")
        )
        counts = []
        for account_id in run_ids:
            for table in _TABLES:
                key = (account_id, table)
                run = by_resource.get(key, {})
                counts.append(
                    _Count(
                        account_id,
                        table,
                        run.get("rows_expected"),
                        landed.get(key, None if table == "guests" else 0),
                        core.get(key, 0),
                        held.get(key, 0),
                        quarantined.get(key, 0),
                        run.get("seconds"),
                        run.get("api_calls"),
                    )
                )
        transforms = warehouse.execute(queries["transforms_since"], {"since": since}).fetchone() or {}
        return cls(counts, runs, transforms)

    @property
    def complete(self) -> bool:
        """Whether every row of the source arrived."""
        return all(count.complete for count in self.counts)

    def table(self) -> Table:
        """The result, a line per account and table."""
        table = Table("account", "table", title="What Hostaway has, and what arrived", title_justify="left")
        for heading in ("source", "landing", "core", "held", "quarantined", "seconds", "API calls"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("")
        for number, count in enumerate(self.counts):
            last_of_account = (number + 1) % len(_TABLES) == 0
            table.add_row(
                str(count.account_id),
                count.table,
                _number(count.source),
                _number(count.landed),
                _number(count.core),
                _number(count.held),
                _number(count.quarantined),
                f"{count.seconds:.1f}" if count.seconds is not None else "",
                _number(count.calls),
                "[green]complete[/]" if count.complete else "[bold red]rows are missing[/]",
                end_section=last_of_account,
            )
        return table

    def summary(self, seconds: float) -> str:
        """One paragraph below the table."""
        calls = sum(run["api_calls"] for run in self.runs)
        rows = sum(count.core for count in self.counts)
        verdict = "Every row arrived" if self.complete else "Rows are missing"
        return (
            f"{verdict}: {rows:,} rows in core, {calls:,} API calls, "
            f"{self.transforms.get('transforms', 0)} dbt runs of {self.transforms.get('seconds', 0):.1f} s, "
            f"{seconds:.0f} s in all.\n"
            "Photos stand inside listings, guests inside reservations: the source has no count of its own for them.\n"
            "Look at hostaway.reservations and its neighbours, ops.sync_runs for the log, and the Dags in Airflow."
        )


def _line(run: dict[str, Any]) -> str:
    expected = run["rows_expected"]
    share = f" of {expected:,}" if expected else ""
    text = f"{run['account_id']} {run['resource']}: {run['rows_seen']:,}{share} rows, {run['api_calls']:,} calls"
    if run["rows_quarantined"]:
        text += f", [yellow]{run['rows_quarantined']:,} in quarantine[/]"
    if run["verdict"] == "running":
        return text
    text += f", {run['seconds']:.1f} s, {run['verdict']}"
    return f"[green]✓[/] {text}" if run["verdict"] in ("complete", "repaired") else f"[red]✗[/] {text}: {run['error']}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
