"""The true content of the simulator, for comparison with a mirror."""

from __future__ import annotations

from typing import Any

from sync_hostaway.simulator.data.account import AccountData
from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.http.state import Account, SimulatorState

_RESOURCES = (
    "reservations",
    "conversations",
    "reviews",
    "tasks",
    "users",
    "coupons",
    "expenses",
    "ownerStatements",
    "guestCharges",
    "accountTaxSettings",
)


def truth(data: AccountData, start: str | None, end: str | None, *, ids: bool) -> JsonObject:
    """Counts per resource, and with `ids` the ids; calendar days need both dates, else None."""
    listings = [row.id for row in data.visible_listings()]
    found = {"listings": listings, **{name: [row.id for row in data.table(name)] for name in _RESOURCES}}
    total, sent = data.message_counts()
    counts: JsonObject = {name: len(numbers) for name, numbers in found.items()}
    days = len(data.day_span(start, end)) * len(listings) if start and end else None
    counts.update(messages=total, sentMessages=sent, photos=data.photo_count(), calendarDays=days)
    result: JsonObject = {"accountId": data.account_id, "counts": counts}
    if ids:
        message_ids = [item["id"] for conversation in data.conversations for item in data.messages(conversation)]
        result["ids"] = {name: sorted(numbers) for name, numbers in {**found, "messages": message_ids}.items()}
    return result


def truth_object(state: SimulatorState, account: Account, resource: str, id: int) -> Any:
    """One full current object; None when it does not exist. Orphaned listings count as existing."""
    if resource == "messages":
        found = account.data.find_message(id)
        return None if found is None else found[1]
    row = account.data.table(resource).get(id)
    return None if row is None else state.full_object(account, resource, row)


def truth_objects(state: SimulatorState, account: Account, resource: str, offset: int, limit: int) -> JsonObject:
    """Full objects in the order of their ids; messages are asked for by conversation instead, as they come lazily."""
    table = account.data.table(resource)
    rows = table.ordered("id", lambda row: row.id, reverse=False)
    chosen = rows[offset : offset + limit]
    return {"count": len(rows), "objects": [state.full_object(account, resource, row) for row in chosen]}
