"""Compares the tables with the source. Every count that these functions find must be zero."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.truth import Comparison, Stamps, compare
from psycopg import sql

from chaos.world import ACCOUNTS, CALENDAR
from sync_hostaway.core.db import Connection, fetch_value

if TYPE_CHECKING:
    from chaos.scene import Mark, Scene

KEYS = {
    "listings": "listing_id",
    "reservations": "reservation_id",
    "conversations": "conversation_id",
    "messages": "message_id",
    "reviews": "review_id",
    "tasks": "task_id",
    "users": "user_id",
    "coupons": "coupon_id",
}
SCHEMAS = ["ops", "landing", "hostaway", "marts"]
# A purge leaves the id of the account, so that a sync that is running lands nothing.
_OF_PURGED = "ops.purged_accounts"


@dataclass
class Findings:
    """What is wrong after a round; all of it must be zero.

    lost: rows of the source that a table lacks or has in an older version, events that were not processed; duplicate:
    rows beyond the first of an id; foreign: rows that the account does not have at the source, and rows of purged
    accounts; double_sends: messages that Hostaway has more than once; false_success: processes that reported success
    without it; kept: tables that hold what was erased; leaked: secrets in the output of processes.
    """

    lost: int = 0
    duplicate: int = 0
    foreign: int = 0
    double_sends: int = 0
    false_success: int = 0
    kept: int = 0
    leaked: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every count is zero."""
        return not any(getattr(self, count.name) for count in fields(self) if count.name != "notes")

    def add(self, what: str, found: Comparison) -> None:
        """Count what a comparison found."""
        self.lost += found.missing + found.stale
        self.duplicate += found.duplicate
        self.foreign += found.surplus
        if found.missing or found.stale or found.duplicate or found.surplus:
            self.notes.append(
                f"{what}: {found.missing} lost, {found.stale} outdated, {found.duplicate} duplicate, "
                f"{found.surplus} not at the source"
            )


def check(scene: Scene) -> Findings:
    """Every invariant, after everything was repeated and transformed."""
    found = Findings()
    with scene.connection() as connection:
        for account in sorted(scene.accounts):
            for resource in KEYS:
                found.add(f"landing.{resource} of {account}", _landed(scene, connection, resource, account))
                found.add(f"hostaway.{resource} of {account}", _built(scene, connection, resource, account))
            found.add(f"hostaway.calendar_days of {account}", _calendar(scene, connection, account))
        for mark in scene.valid_marks():
            _check_mark(connection, mark, found)
        for account in set(ACCOUNTS) - scene.accounts:
            if rows := rows_of_account(connection, account):
                found.foreign += rows
                found.notes.append(f"{rows} rows of the purged account {account}")
        if tables := tables_holding(connection, scene.erased):
            found.kept += len(tables)
            found.notes.append(f"erased data is in {', '.join(sorted(tables))}")
        _check_ledgers(connection, found)
    if (times := scene.times_sent()) > 1:
        found.double_sends += times - 1
        found.notes.append(f"the message was sent {times} times")
    output = scene.output()
    if leaked := sum(secret in output for secret in scene.secrets()):
        found.leaked += leaked
        found.notes.append("the output of a process holds a secret")
    return found


def unlike_source(scene: Scene, connection: Connection, account: int, *, landing_only: bool = False) -> Comparison:
    """How the landed rows of an account, and those of the core tables, differ from the source."""
    total = Comparison()
    for resource in KEYS:
        total += _landed(scene, connection, resource, account)
        if not landing_only:
            total += _built(scene, connection, resource, account)
    return total


def rows_of_account(connection: Connection, account: int) -> int:
    """Rows of an account in all tables, except the note that it was purged."""
    total = 0
    tables = connection.execute(
        "select c.table_schema || '.' || c.table_name as name from information_schema.columns as c"
        " inner join information_schema.tables as t using (table_schema, table_name)"
        " where c.column_name = 'account_id' and t.table_type = 'BASE TABLE' and c.table_schema = any(%s)",
        [SCHEMAS],
    ).fetchall()
    for table in (row["name"] for row in tables if row["name"] != _OF_PURGED):
        query = sql.SQL("select count(*) from {} where account_id = %(account)s").format(_name(table))
        total += fetch_value(connection, query, {"account": account})
    return total


def tables_holding(connection: Connection, texts: Collection[str]) -> set[str]:
    """The tables in which any column of any row holds one of the texts."""
    if not texts:
        return set()
    tables = connection.execute(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname = any(%s)", [SCHEMAS]
    ).fetchall()
    patterns = [f"%{text}%" for text in texts]
    query = "select exists (select from {} as whole where to_jsonb(whole)::text ilike any(%(patterns)s))"
    return {
        row["name"]
        for row in tables
        if fetch_value(connection, sql.SQL(query).format(_name(row["name"])), {"patterns": patterns})
    }


def _landed(scene: Scene, connection: Connection, resource: str, account: int) -> Comparison:
    query = sql.SQL(
        "select entity_id::bigint as id, payload ->> 'updatedOn' as stamp from {}"
        " where account_id = %s and deleted_at is null"
    ).format(sql.Identifier("landing", resource))
    rows = connection.execute(query, [account]).fetchall()
    return compare(_truth(scene, resource, account), [(row["id"], row["stamp"]) for row in rows])


def _built(scene: Scene, connection: Connection, resource: str, account: int) -> Comparison:
    query = sql.SQL("select {} as id from {} where account_id = %s and not is_deleted").format(
        sql.Identifier(KEYS[resource]), sql.Identifier("hostaway", resource)
    )
    rows = connection.execute(query, [account]).fetchall()
    return compare(dict.fromkeys(_truth(scene, resource, account)), [(row["id"], None) for row in rows])


def _truth(scene: Scene, resource: str, account: int) -> Stamps:
    if resource == "reservations":
        return {row["id"]: row["updatedOn"] for row in scene.control.objects(resource, account)}
    return dict.fromkeys(scene.ids(resource, account))


def _calendar(scene: Scene, connection: Connection, account: int) -> Comparison:
    """Days of the window around today: the numbers must be equal, as each day of each listing has its key."""
    today = datetime.now(UTC).date()
    # Without the first and the last day, in case that a round lasts over midnight.
    start, end = today - timedelta(days=CALENDAR["back"] - 1), today + timedelta(days=CALENDAR["ahead"] - 1)
    expected = scene.control.truth(account, start=str(start), end=str(end))["counts"]["calendarDays"]
    row = connection.execute(
        "select count(*) as days, count(distinct (listing_id, date)) as different from hostaway.calendar_days"
        " where account_id = %s and date between %s and %s and not is_deleted",
        [account, start, end],
    ).fetchone()
    days, different = (row["days"], row["different"]) if row else (0, 0)
    return Comparison(
        rows=days,
        missing=max(expected - different, 0),
        duplicate=days - different,
        surplus=max(different - expected, 0),
    )


def _check_mark(connection: Connection, mark: Mark, found: Findings) -> None:
    conditions = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in mark.key)
    query = sql.SQL("select ({})::text as value from {} where {}").format(
        sql.SQL(mark.column),
        sql.Identifier("hostaway", mark.table),
        conditions,
    )
    row: dict[str, Any] | None = connection.execute(query, list(mark.key.values())).fetchone()
    if row is None or row["value"] != mark.value:
        found.lost += 1
        found.notes.append(f"hostaway.{mark.table} {mark.key}: {row['value'] if row else None!r}, not {mark.value!r}")


def _check_ledgers(connection: Connection, found: Findings) -> None:
    """No event is left, and no load waits for a transform."""
    for what, query in (
        (
            "events not processed",
            "select count(*) from ops.webhook_events where state not in ('done', 'object_deleted')",
        ),
        ("loads not transformed", "select count(*) from ops.loads where transformed_at is null"),
    ):
        if number := fetch_value(connection, sql.SQL(query)):
            found.lost += number
            found.notes.append(f"{number} {what}")


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split(".", 1))
