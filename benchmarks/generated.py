"""Warehouses of any size, made of generated rows: thin payloads that are valid.

A few accounts are landed and transformed. Then the rows of all tables are copied under other ids, which takes minutes
where landing and transforming them would take hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.transforms import TransformResult, run_transform

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
LANDED = ("listings", "reservations", "calendar_days", "conversations", "messages")
# Ids that belong to one account, and texts that tell who a guest is
_IDS = ("reservation_id", "guest_id", "merged_into_guest_id", "conversation_id", "message_id")
_GUEST_KEYS = ("channel_key", "email_key", "phone_key", "manual_key")
# Of loads that were done long ago. As many as there would be: PostgreSQL counts rows per load.
_OTHER_LOAD = "load_id - {} * 1000000"
_OF_RESERVATIONS = (
    ("landing", "reservations"),
    ("hostaway", "reservation_guests"),
    ("hostaway", "reservations"),
    ("hostaway", "guests"),
)


@dataclass(frozen=True)
class Shape:
    """How much an account has.

    days: of each listing's calendar, from 30 days back; days_back: from where on there are stays; span: days from the
    first stay of a listing to its last.
    """

    listings: int = 10
    reservations: int = 500
    messages: int = 4
    days: int = 570
    days_back: int = 1_100
    span: int = 1_280


def land(connection: Connection, accounts: int, shape: Shape, resources: Sequence[str] = LANDED) -> None:
    """Land the objects of accounts 1 to `accounts`, and register these."""
    for resource in resources:
        load_id = fetch_value(connection, _SQL["loads"], {"resource": resource, "accounts": accounts})
        connection.execute(_SQL[resource], {**asdict(shape), "accounts": accounts, "load_id": load_id})
    connection.execute(_SQL["register"])


@dataclass(frozen=True)
class Chosen:
    """Reservations that change."""

    accounts: list[int]
    entity_ids: list[str]


def choose_reservations(connection: Connection, count: int = 10) -> Chosen:
    """Reservations of as many accounts as possible; the same ones each time."""
    rows = connection.execute(_SQL["choose"], {"count": count}).fetchall()
    return Chosen([row["account_id"] for row in rows], [row["entity_id"] for row in rows])


def change_reservations(connection: Connection, chosen: Chosen, number: int) -> None:
    """Let reservations land with another price, and another address of the guest.

    :param number: another one each time.
    """
    load_id = fetch_value(connection, _SQL["load"], {"resource": "reservations"})
    connection.execute(_SQL["change"], {**asdict(chosen), "number": number, "load_id": load_id})


def transform(connection: Connection, *, marts: bool = True) -> TransformResult:
    """What `hostaway_transform` does, or without the marts what a delta does."""
    return run_transform(connection, requested_by="benchmark", marts=marts)


def copy_accounts(
    connection: Connection, step: int, copies: int, schemas: Sequence[str] = ("landing", "hostaway", "marts")
) -> None:
    """Copy all rows of all accounts, so that there are `copies` times as many accounts.

    :param step: more than the difference of any two account ids: the copies are that far apart.
    """
    for table in connection.execute(_SQL["tables"], {"schemas": list(schemas)}).fetchall():
        shifted = {"account_id": f"account_id + {{}} * {step}", "load_id": _OTHER_LOAD}
        _copy(connection, sql.Identifier(table["schema_name"], table["table_name"]), shifted, copies)
    connection.execute(_SQL["register"])


def copy_reservations(connection: Connection, copies: int) -> None:
    """Copy all reservations of the only account with their guests, so that there are `copies` times as many."""
    step = fetch_value(connection, _SQL["largest_reservation_id"])
    shifted = {name: f"{name} + {{}} * {step}" for name in _IDS}
    shifted["load_id"] = _OTHER_LOAD
    shifted["entity_id"] = f"(entity_id::bigint + {{}} * {step})::text"
    shifted.update((name, f"{name} || ' ' || {{}}") for name in _GUEST_KEYS)
    for schema, name in _OF_RESERVATIONS:
        _copy(connection, sql.Identifier(schema, name), shifted, copies)


def add_syncs(connection: Connection, days: int) -> None:
    """Log as many days of daily syncs of every account."""
    connection.execute(_SQL["syncs"], {"days": days, "resources": [resource.value for resource in Resource]})


def bytes_of_database(connection: Connection) -> int:
    """Size of the database on disk."""
    return int(fetch_value(connection, _SQL["size"]))


def _copy(connection: Connection, table: sql.Identifier, changed: Mapping[str, str], copies: int) -> None:
    """Copy the rows of a table.

    :param changed: columns that get another value: an expression, with {} for the number of the copy.
    """
    columns = [
        row["column_name"] for row in connection.execute(_SQL["columns"], {"table": table.as_string(connection)})
    ]
    connection.execute(sql.SQL("create temporary table original as table {}").format(table))
    for number in range(1, copies):
        values = [
            sql.SQL(changed[name]).format(sql.Literal(number)) if name in changed else sql.Identifier(name)
            for name in columns
        ]
        connection.execute(
            sql.SQL("insert into {} ({}) select {} from original").format(
                table, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(values)
            )
        )
    connection.execute("drop table original")
