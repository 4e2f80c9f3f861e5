"""Finds the account, the listing and the reservation of a transcript, by names and by dates of stays.

What fits more than one is linked to none. Guests who were erased stay out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.transcripts.names import fingerprint, fold

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


class NotImportable(Exception):
    """The transcript cannot be imported; the message has the reason."""


@dataclass(frozen=True)
class Link:
    """What a transcript belongs to.

    :param reasons: why it has no listing or no reservation.
    """

    account_id: int
    listing_id: int | None
    reservation_id: int | None
    reasons: tuple[str, ...]


class Linker:
    """Looks up listings and reservations in the core tables.

    :param account_ids: registered accounts that the transcripts may belong to.
    :raises InvalidValue: when there are no core tables.
    """

    def __init__(self, connection: Connection, account_ids: Sequence[int]) -> None:
        if not fetch_value(connection, _QUERIES["core_exists"]):
            raise InvalidValue("There are no core tables yet: `sync-hostaway transform` builds them")
        self._connection = connection
        self._account_ids = account_ids
        self._listings: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for row in connection.execute(_QUERIES["listings"], {"account_ids": list(account_ids)}):
            for name in filter(None, (row["listing_name"], row["internal_listing_name"])):
                self._listings[fold(name)].add((row["account_id"], row["listing_id"]))
        self._erased = {
            (account_id, row["fingerprint"])
            for account_id in account_ids
            for row in connection.execute(_QUERIES["erased_names"], {"account_id": account_id})
        }

    def link(self, listing_names: Sequence[str], guest_name: str | None, days: Sequence[date]) -> Link:
        """Find what a transcript belongs to.

        :param listing_names: the first one that is known counts.
        :param days: arrival, and perhaps departure.
        :raises NotImportable: when the account cannot be determined, or the guest was erased.
        """
        found = next((self._listings[fold(name)] for name in listing_names if fold(name) in self._listings), set())
        account_id = self._account(found, listing_names)
        listings = sorted(listing for account, listing in found if account == account_id)
        stay, reason = self._stay(account_id, listings, guest_name, days)
        reservation_id = stay["reservation_id"] if stay else None
        # Of several listings with one name, the one with the stay
        listing_id = stay["listing_id"] if stay else listings[0] if len(listings) == 1 else None
        reasons = [reason] if reason else []
        if listing_id is None:
            reasons.insert(0, _no_listing(listing_names[0] if listing_names else None, listings))
        is_erased = guest_name is not None and (account_id, fingerprint(account_id, guest_name)) in self._erased
        if is_erased and reservation_id is None:
            raise NotImportable("a guest of this name was erased")
        return Link(account_id, listing_id, reservation_id, tuple(reasons))

    def _account(self, found: set[tuple[int, int]], names: Sequence[str]) -> int:
        accounts = sorted({account for account, _ in found})
        if len(self._account_ids) == 1:
            return self._account_ids[0]
        if len(accounts) == 1:
            return accounts[0]
        named = f"a listing {names[0]!r}" if names else "this transcript: it names no listing"
        known = f"the accounts {', '.join(map(str, accounts))} have {named}" if accounts else f"no account has {named}"
        raise NotImportable(f"{known}. Name the account: --account")

    def _stay(
        self, account_id: int, listing_ids: Sequence[int], guest_name: str | None, days: Sequence[date]
    ) -> tuple[dict[str, Any] | None, str | None]:
        """The row of the reservation, or why there is none."""
        if not listing_ids:
            return None, None
        if not days or not guest_name:
            return None, f"no reservation: the transcript has no {'name of a guest' if days else 'date of a stay'}"
        params = {"account_id": account_id, "listing_ids": list(listing_ids), "day": days[0]}
        stays = self._connection.execute(_QUERIES["stays"], params).fetchall()
        named = [row for row in stays if fold(guest_name) in _names(row)]
        fitting = [row for row in named if row["arrival_date"] == days[0]] or named
        if len(fitting) == 1:
            return fitting[0], None
        if not fitting and any(row["is_erased"] for row in stays):
            raise NotImportable(f"the guest of a stay on {days[0]} was erased, and this may be the guest's transcript")
        if not fitting:
            place = "this listing" if len(listing_ids) == 1 else "these listings"
            return None, f"no reservation of {guest_name!r} at {place} on {days[0]}"
        ids = ", ".join(str(row["reservation_id"]) for row in fitting)
        return None, f"several reservations of {guest_name!r} on {days[0]}: {ids}"


def _names(row: dict[str, Any]) -> set[str]:
    return {fold(row["guest_name"] or ""), fold(row["full_name"] or "")} - {""}


def _no_listing(name: str | None, found: Sequence[int]) -> str:
    if not name:
        return "the transcript names no listing"
    return f"several listings are called {name!r}: {', '.join(map(str, found))}" if found else f"no listing {name!r}"
