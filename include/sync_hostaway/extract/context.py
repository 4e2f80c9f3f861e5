"""What a plan works with: the client, the landing and the sync log of one resource in one run."""

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
QUERIES = load_queries(Path(__file__).with_name("runs.sql"))
_VERSION = version("sync-hostaway")


@dataclass(frozen=True)
class MissingRows:
    """How much a plan did not see, and why; false when it saw everything."""

    rows: int = 0
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows or self.reason)


@dataclass(frozen=True)
class Window:
    """First and last calendar day to read, both included."""

    start: date
    end: date

    @classmethod
    def around(cls, today: date, settings: Settings) -> Window:
        """The configured window."""
        return cls(
            today - timedelta(days=settings.calendar_days_back), today + timedelta(days=settings.calendar_days_ahead)
        )


@dataclass(frozen=True)
class Progress:
    """A running sync, as shown to whoever waits for it.

    :param expected: rows that the list holds, as far as it says.
    :param seen: rows that were read.
    :param parents: of what is read parent by parent: how many were read, and how many there are to read.
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

    :param since: read only what changed at or after this moment, as far as Hostaway can tell.
    :param remarks: what the sync log is to say of the run though it did not fail.
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
        self.started_at = datetime.now(UTC)
        self._writer = self.writer_class(self.connection, self.account_id, self.resource, self.sync_run_id)

    @property
    def account_id(self) -> int:
        """Whose data this is."""
        return self.client.account_id

    @property
    def settings(self) -> Settings:
        """The settings as they are for this account."""
        return self.client.settings

    @property
    def window(self) -> Window:
        """The calendar days to read, around today in UTC."""
        return Window.around(datetime.now(UTC).date(), self.settings)

    def land(self, fetched: Sequence[Fetched]) -> None:
        """Land some answers and the run's counts so far in one transaction, which may be part of the plan's own."""
        with self.connection.transaction():
            self.counts.add(self._writer.land(fetched))
            self.save_counts()

    def report_progress(self, seen: int, parents: tuple[int, int] | None = None) -> None:
        """Tell whoever waits how far the sync is; see `Progress`."""
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
        """How many rows have landed and are not marked as deleted: of these parents, or of the whole account."""
        return self._writer.count_active(parent_ids)

    def mark_deleted_unseen(
        self, seen: Iterable[int], *, before: datetime | None, parent_ids: Sequence[int] | None = None
    ) -> None:
        """Mark landed rows that a complete walk did not see as deleted at the source.

        :param before: when the walk began; rows that others landed since are left alone.
        :param parent_ids: of these parents only; without them, of the whole account.
        """
        with self.connection.transaction():
            self.counts.deleted += self._writer.mark_deleted_unseen(
                [str(identity) for identity in seen], parent_ids, before=before or self.started_at
            )
            self.save_counts()

    def cascade_deletes(self, parents: Resource) -> None:
        """Mark landed rows as deleted whose parent is, and count them as never read: a parent may come back."""
        with self.connection.transaction():
            self.counts.deleted += self._writer.cascade_deletes(parents)
            self.execute(f"forget_deleted_{parents}")
            self.save_counts()

    def start_read(self, plan: str, stale_after: timedelta) -> str:
        """Go on with the walk of this plan that is under way, or begin one. Returns the key of the run that began it.

        :param stale_after: how long ago it may have begun, or noted its last page, to be gone on with.
        """
        params = {"plan": f"{self.mode}, {plan}, version {_VERSION}", "stale_after": stale_after}
        with self.connection.transaction():
            self.execute("drop_stale_read", **params)
            return str(self.value("start_read", **params))

    def end_read(self) -> None:
        """The walk has come to its end: nobody goes on with it."""
        self.execute("end_read")

    def save_counts(self) -> None:
        """Bring the sync log's row up to date."""
        self.execute("update_run", expected=self.expected, **asdict(self.counts), **asdict(self.client.stats))

    def execute(self, query: str, **params: Any) -> None:
        """Run a named query of this room with the run's own parameters."""
        self.connection.execute(QUERIES[query], {**self._params, **params})

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """Rows of a named query of this room."""
        statement = QUERIES[query].format(**self.tables)
        return self.connection.execute(statement, {**self._params, **params}).fetchall()

    def value(self, query: str, **params: Any) -> Any:
        """First value of a named query of this room."""
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
            "read_again_after": self.settings.read_again_after,
        }
