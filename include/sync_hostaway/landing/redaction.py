"""Removes personal data from the rows of erased guests before they land.

Hostaway may still have the guest, and sends the same rows at every sync. So the ids of erased reservations and
conversations are stored. These ids are not personal data. Every row that belongs to one of them is redacted before any
other step: its hash, the quarantine and the models use only the remaining fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import InactiveAccount
from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway.values import as_id, as_list
from sync_hostaway.landing.fields import FIELDS

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

# The queries that find the rows of a resource by reservation or conversation; see redaction.sql.
_LANDED_QUERIES = {
    Resource.RESERVATIONS: "reservations",
    Resource.CONVERSATIONS: "conversations",
    Resource.MESSAGES: "messages",
    Resource.REVIEWS: "of_reservations",
    Resource.TASKS: "of_reservations",
    Resource.CALENDAR_DAYS: "calendar_days",
    Resource.RESERVATION_FINANCE: "reservations",
    Resource.EXPENSES: "of_reservations",
    Resource.OWNER_STATEMENTS: "owner_statements",
    Resource.GUEST_CHARGES: "of_reservations",
    Resource.RESERVATION_LOGS: "of_reservations",
}
# A statement lists stays by columns that its user chose: numbers stay, and texts of these columns.
_STATEMENT_TEXTS_KEPT = frozenset(
    {"id", "channelName", "status", "arrivalDate", "departureDate", "reservationDate", "listingName", "isPaid"}
)
_STATEMENT_EXPENSES_KEPT = frozenset({"id", "listingMapId", "reservationId", "expenseDate", "amount"})


@dataclass(frozen=True)
class Erasures:
    """The erased reservations and conversations of one account, by id."""

    reservations: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.reservations or self.conversations)

    def redact(self, resource: Resource, row: Any, parent_id: int | None) -> Any:
        """A row in the form in which it may land: without personal data if its guest was erased."""
        if not isinstance(row, dict):
            return row
        if resource is Resource.CALENDAR_DAYS:
            return self._redact_calendar_day(row)
        if resource is Resource.OWNER_STATEMENTS:
            return self._redact_owner_statement(row)
        if resource not in _LANDED_QUERIES or not self._is_erased(resource, row, parent_id):
            return row
        kept = FIELDS[resource].names_kept
        return {name: value for name, value in row.items() if name in kept}

    def _is_erased(self, resource: Resource, row: dict[str, Any], parent_id: int | None) -> bool:
        has_its_id = resource in (Resource.RESERVATIONS, Resource.RESERVATION_FINANCE)
        reservation = row.get("id") if has_its_id else row.get("reservationId")
        conversations = {
            Resource.CONVERSATIONS: [row.get("id")],
            Resource.MESSAGES: [parent_id, row.get("conversationId")],
        }.get(resource, [])
        return str(as_id(reservation)) in self.reservations or any(
            str(as_id(conversation)) in self.conversations for conversation in conversations
        )

    def _redact_owner_statement(self, statement: dict[str, Any]) -> dict[str, Any]:
        """An owner statement without the persons in the stays and expenses that it lists."""
        redacted = dict(statement)
        data = statement.get("financeDataJson")
        if isinstance(data, dict):
            columns = as_list(data.get("columns")) or []
            names = [column.get("name") if isinstance(column, dict) else None for column in columns]
            stays = as_list(data.get("rows")) or []
            redacted["financeDataJson"] = {**data, "rows": [self._redact_stay(names, stay) for stay in stays]}
        if expenses := as_list(statement.get("expenses")):
            redacted["expenses"] = [self._redact_expense(expense) for expense in expenses]
        return redacted

    def _redact_stay(self, names: list[Any], stay: Any) -> Any:
        cells = as_list(stay)
        # In whichever column: a statement need not have one that is called `id`.
        if cells is None or not any(str(as_id(cell)) in self.reservations for cell in cells):
            return stay
        kept = [*(name in _STATEMENT_TEXTS_KEPT for name in names), *[False] * max(len(cells) - len(names), 0)]
        return [
            cell if is_kept or isinstance(cell, int | float) else None
            for cell, is_kept in zip(cells, kept, strict=False)
        ]

    def _redact_expense(self, expense: Any) -> Any:
        if not isinstance(expense, dict) or str(as_id(expense.get("reservationId"))) not in self.reservations:
            return expense
        return {name: value for name, value in expense.items() if name in _STATEMENT_EXPENSES_KEPT}

    def _redact_calendar_day(self, day: dict[str, Any]) -> dict[str, Any]:
        """A calendar day without personal data in its reservations, for every form of a list."""
        reservations = as_list(day.get("reservations"))
        if not reservations:
            return day
        return {
            **day,
            "reservations": [self.redact(Resource.RESERVATIONS, reservation, None) for reservation in reservations],
        }


def erasures_of(connection: Connection, account_id: int) -> Erasures:
    """The erasures of an account. Needs an open transaction: until it ends, no other erasure begins.

    :raises InactiveAccount: when the account was purged: rows must not land any more.
    """
    connection.execute(_QUERIES["share"], {"account_id": account_id})
    found = connection.execute(_QUERIES["erasures"], {"account_id": account_id}).fetchone()
    if found is None or found["is_purged"]:
        raise InactiveAccount(f"Account {account_id} was purged")
    return Erasures(frozenset(found["reservations"]), frozenset(found["conversations"]))


def redact_landed(connection: Connection, account_id: int, erased: Erasures) -> int:
    """Redact landed rows of erased guests and return their number. Needs an open transaction.

    The rows count as changed, so that the next transform builds them again without the removed fields.
    """
    params = {
        "account_id": account_id,
        "reservations": list(erased.reservations),
        "conversations": list(erased.conversations),
    }
    done = 0
    for resource in _LANDED_QUERIES:
        table = sql.Identifier("landing", resource.value)
        rows = connection.execute(
            _QUERIES[f"landed_{_LANDED_QUERIES[resource]}"].format(table=table), params
        ).fetchall()
        if not rows:
            continue
        replace_payloads(
            connection,
            account_id,
            resource,
            [(row["entity_id"], erased.redact(resource, row["payload"], row["parent_id"])) for row in rows],
        )
        done += len(rows)
    return done


def replace_payloads(
    connection: Connection, account_id: int, resource: Resource, payloads: Sequence[tuple[str, Any]]
) -> None:
    """Replace the payloads of landed rows, in one load. Needs an open transaction.

    :param payloads: the entity id and the new payload of each row.
    """
    load = {"account_id": account_id, "resource": resource.value, "rows": len(payloads)}
    load_id = fetch_value(connection, _QUERIES["open_load"], load)
    rows = [
        {"account_id": account_id, "entity_id": entity_id, "payload": Jsonb(payload), "load_id": load_id}
        for entity_id, payload in payloads
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_QUERIES["redact_row"].format(table=sql.Identifier("landing", resource.value)), rows)


def lock_for_erasure(connection: Connection, account_id: int) -> None:
    """Wait until no process lands rows of the account, and block landing until the transaction ends."""
    connection.execute(_QUERIES["exclude"], {"account_id": account_id})
