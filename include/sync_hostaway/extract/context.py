"""The context of one resource in one run: client, landing, sync log and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import structlog
from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import Settings
from sync_hostaway.hostaway.client import HostawayClient
from sync_hostaway.landing.writer import Counts, Fetched, LandingWriter, UnseenRow

log = structlog.get_logger(__name__)
QUERIES = {
    **load_queries(Path(__file__).with_name("runs.sql")),
    **load_queries(Path(__file__).with_name("due.sql")),
}
_VERSION = version("sync-hostaway")


@dataclass(frozen=True)
class MissingRows:
    """Rows that a sync did not see, and the reason; false when it saw all."""

    rows: int = 0
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows or self.reason)


@dataclass(frozen=True)
class Window:
    """The calendar days to read, both ends included."""

    start: date
    end: date

    @classmethod
    def around(cls, today: date, settings: Settings) -> Window:
        """The window of the settings around a date."""
        return cls(
            today - timedelta(days=settings.calendar_days_back), today + timedelta(days=settings.calendar_days_ahead)
        )


@dataclass(frozen=True)
class Progress:
    """The progress of a running sync.

    :param expected: rows of the list; None when the list has no count.
    :param seen: rows that were read.
    :param parents: for resources that are read per parent: parents read, and parents to read.
    """

    account_id: int
    resource: Resource
    expected: int | None
    seen: int
    calls: int
    throttled: int = 0
    parents: tuple[int, int] | None = None


@dataclass
class SyncContext:
    """One resource of one account in one run.

    :param since: read only changes at or after this time, for resources with such a filter.
    :param needed_retry: the list changed during a read, and was read again.
    :param remarks: notes for the sync log about a run that did not fail.
    """

    writer_class: ClassVar[type[LandingWriter]] = LandingWriter
    writes: ClassVar[bool] = True
    """Whether it may write to the database; a dry run may not."""

    connection: Connection
    client: HostawayClient
    resource: Resource
    mode: Mode
    run_key: str
    sync_run_id: int
    since: datetime | None = None
    on_progress: Callable[[Progress], None] | None = None
    retry_within: timedelta | None = None
    counts: Counts = field(default_factory=Counts)
    expected: int | None = None
    needed_retry: bool = False
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started_at = self.client.now()
        self._writer = self.writer_class(self.connection, self.account_id, self.resource, self.sync_run_id)

    @property
    def account_id(self) -> int:
        """The account of the client."""
        return self.client.account_id

    @property
    def settings(self) -> Settings:
        """The settings with the options of this account."""
        return self.client.settings

    @property
    def window(self) -> Window:
        """The calendar window around today (UTC)."""
        return Window.around(datetime.now(UTC).date(), self.settings)

    def land(self, fetched: Sequence[Fetched], *, distinct: int | None = None) -> None:
        """Land some responses and save the counts, in one transaction or within the caller's.

        :param distinct: rows that the run has received so far, without repeated ones. None: no row comes twice.
        """
        with self.connection.transaction():
            self.counts.add(self._writer.land(fetched))
            if distinct is not None:
                self.counts.seen = distinct
            self.save_counts()

    def count_problems_anew(self) -> None:
        """Count unreadable rows and values from zero: a list is read again, and has the same ones again."""
        self.counts.quarantined = self.counts.with_warnings = 0

    def report_progress(self, seen: int, parents: tuple[int, int] | None = None) -> None:
        """Call `on_progress`; see `Progress`."""
        if self.on_progress:
            stats = self.client.stats
            self.on_progress(
                Progress(self.account_id, self.resource, self.expected, seen, stats.calls, stats.throttled, parents)
            )

    def unseen(
        self, seen: Iterable[int], *, before: datetime | None, parent_ids: Sequence[int] | None = None
    ) -> list[UnseenRow]:
        """The rows that `mark_deleted_unseen` would mark."""
        return self._writer.unseen([str(identity) for identity in seen], parent_ids, before or self.started_at)

    def count_active(self, parent_ids: Sequence[int] | None) -> int:
        """Number of rows that are not marked as deleted, of these parents or of the account."""
        return self._writer.count_active(parent_ids)

    def mark_deleted_unseen(
        self, seen: Iterable[int], *, before: datetime | None, parent_ids: Sequence[int] | None = None
    ) -> None:
        """Mark rows as deleted that a complete read did not see.

        :param before: start of the read; rows that another process landed since are not marked.
        :param parent_ids: only rows of these parents; None: of the account.
        """
        with self.connection.transaction():
            self.counts.deleted += self._writer.mark_deleted_unseen(
                [str(identity) for identity in seen], parent_ids, before=before or self.started_at
            )
            self.save_counts()

    def mark_deleted(self, entity_ids: Sequence[int], *, observed_at: datetime) -> None:
        """Mark rows as deleted that Hostaway does not have any more.

        :param observed_at: when the request was sent; rows that another process landed since are not marked.
        """
        with self.connection.transaction():
            self.counts.deleted += self._writer.mark_deleted([str(identity) for identity in entity_ids], observed_at)
            self.save_counts()

    def cascade_deletes(self, parents: Resource) -> None:
        """Mark children of deleted parents as deleted, and forget that the parents were read: a parent may reappear."""
        with self.connection.transaction():
            self.counts.deleted += self._writer.cascade_deletes(parents)
            self.execute(f"forget_deleted_{parents}")
            self.save_counts()

    def start_read(self, plan: str, stale_after: timedelta) -> str:
        """Resume the unfinished read of this plan, or start one. Returns the key of the run that started it.

        :param stale_after: maximum age of the read, or of its last checkpoint.
        """
        params = {"plan": f"{self.mode}, {plan}, version {_VERSION}", "stale_after": stale_after}
        with self.connection.transaction():
            self.execute("drop_stale_read", **params)
            return str(self.value("start_read", **params))

    def end_read(self) -> None:
        """End the read: it is never resumed."""
        self.execute("end_read")

    def save_counts(self) -> None:
        """Save the counts in the sync log."""
        self.execute("update_run", expected=self.expected, **asdict(self.counts), **asdict(self.client.stats))

    def execute(self, query: str, **params: Any) -> None:
        """Run a named query of this package with the parameters of the run."""
        self.connection.execute(QUERIES[query], {**self._params, **params})

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """Rows of a named query of this package."""
        statement = QUERIES[query].format(**self.tables)
        return self.connection.execute(statement, {**self._params, **params}).fetchall()

    def value(self, query: str, **params: Any) -> Any:
        """First value of a named query of this package."""
        return fetch_value(self.connection, QUERIES[query], {**self._params, **params})

    @property
    def tables(self) -> dict[str, sql.Identifier]:
        """The tables that queries name in braces."""
        landing = {resource.value: sql.Identifier("landing", resource.value) for resource in Resource}
        return landing | {"read_calendars": sql.Identifier("ops", "calendar_reads")}

    @property
    def _params(self) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "resource": self.resource.value,
            "mode": self.mode.value,
            "run_key": self.run_key,
            "sync_run_id": self.sync_run_id,
            "since": self.since,
            "read_again_after": self.settings.schedule.read_again_after,
        }
