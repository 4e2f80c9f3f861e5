"""A typed client of the control interface, for tests and demos."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import requests

from sync_hostaway.simulator.data.rows import JsonObject

_TIMEOUT = 60.0


class ControlError(RuntimeError):
    """The simulator's control interface refused a request."""


class SimulatorControl:
    """Control of a running simulator. url: base without /v1. Raises ControlError for refused requests."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/_control"
        self._session = requests.Session()
        # A simulator is on this machine or in this network, where no proxy leads.
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **params: Any) -> JsonObject:
        response = self._session.request(method, f"{self._url}/{path}", json=body, params=params, timeout=_TIMEOUT)
        if response.status_code != requests.codes.ok:
            raise ControlError(f"{method} {path}: {response.status_code} {response.text}")
        return cast("JsonObject", response.json())

    # -- what is there -------------------------------------------------------------------------------------------

    def health(self) -> JsonObject:
        return self._call("GET", "health")

    def stats(self) -> JsonObject:
        """total, calls per account and kind, rateLimited per account, statuses, webhooks {attempts, pending}."""
        return self._call("GET", "stats")

    def calls(self, kind: str, account_id: int | None = None) -> int:
        """Calls of a kind ("messages.list"), of one account or of all together."""
        calls = self.stats()["calls"]
        chosen = [calls.get(str(account_id), {})] if account_id is not None else calls.values()
        return sum(counter.get(kind, 0) for counter in chosen)

    def truth(
        self, account_id: int | None = None, *, start: str | None = None, end: str | None = None, ids: bool = True
    ) -> JsonObject:
        """accountId, counts, and unless switched off ids per resource; calendar days between two dates."""
        return self._call("GET", "truth", accountId=account_id, start=start, end=end, ids=int(ids))

    def object(self, resource: str, id: int, account_id: int | None = None) -> JsonObject:
        """One full current object."""
        return self._call("GET", f"truth/{resource}/{id}", accountId=account_id)

    def objects(
        self, resource: str, account_id: int | None = None, *, offset: int = 0, limit: int = 1_000
    ) -> list[JsonObject]:
        """Full current objects in the order of their ids."""
        answer = self._call("GET", f"truth/{resource}", accountId=account_id, offset=offset, limit=limit)
        return cast("list[JsonObject]", answer["objects"])

    # -- accounts and time ---------------------------------------------------------------------------------------

    def add_account(self, account_id: int, secret: str, sizes: Mapping[str, Any] | None = None) -> JsonObject:
        """Add an account, or replace an existing one. sizes: fields of `Sizes`."""
        body = {"action": "add", "accountId": account_id, "secret": secret, "sizes": sizes}
        return self._call("POST", "accounts", body)

    def remove_account(self, account_id: int) -> JsonObject:
        return self._call("POST", "accounts", {"action": "remove", "accountId": account_id})

    def set_secret(self, account_id: int, secret: str) -> JsonObject:
        return self._call("POST", "accounts", {"action": "secret", "accountId": account_id, "secret": secret})

    def advance_clock(self, seconds: float) -> str:
        """Move the simulated time forward; returns the new time."""
        return str(self._call("POST", "clock", {"seconds": seconds})["now"])

    def stop_clock(self) -> str:
        """Stop the simulated time until `start_clock`; returns it."""
        return str(self._call("POST", "clock", {"running": False})["now"])

    def start_clock(self) -> str:
        """Let the simulated time run again from where it was stopped; returns it."""
        return str(self._call("POST", "clock", {"running": True})["now"])

    def reset(self, *, only_stats: bool = False) -> None:
        """Back to the start: data, accounts, tokens, faults, webhooks, counters."""
        self._call("POST", "reset", {"only": "stats"} if only_stats else {})

    # -- data ----------------------------------------------------------------------------------------------------

    def change(self, action: str, **body: Any) -> JsonObject:
        """Any change; see the methods below for the usual ones."""
        return self._call("POST", "change", {"action": action, **body})

    def patch(
        self, resource: str, id: int, fields: Mapping[str, Any], *, account_id: int | None = None, **options: Any
    ) -> JsonObject:
        """Set fields of an object and bump its updatedOn. options: bump, activity, emit. Returns the object."""
        answer = self.change("patch", resource=resource, id=id, fields=fields, accountId=account_id, **options)
        return cast("JsonObject", answer["object"])

    def patch_day(
        self, listing_id: int, date: str, fields: Mapping[str, Any], *, account_id: int | None = None
    ) -> JsonObject:
        """Set fields of a calendar day. Returns the day."""
        answer = self.change(
            "patch", resource="calendar", id=listing_id, date=date, fields=fields, accountId=account_id
        )
        return cast("JsonObject", answer["object"])

    def create(
        self,
        resource: str,
        fields: Mapping[str, Any] | None = None,
        *,
        account_id: int | None = None,
        emit: bool = True,
        bump: bool = True,
    ) -> JsonObject:
        """Create a listing, reservation, conversation (reservationId) or message (conversationId).

        :param bump: whether a message moves the stamps of its reservation.
        """
        answer = self.change("create", resource=resource, fields=fields, accountId=account_id, emit=emit, bump=bump)
        return cast("JsonObject", answer["object"])

    def delete(self, resource: str, id: int, *, account_id: int | None = None) -> None:
        self.change("delete", resource=resource, id=id, accountId=account_id)

    def touch(self, resource: str, percent: float, *, account_id: int | None = None, seed: int = 0) -> list[int]:
        """Bump a random share of the rows. Returns their ids."""
        answer = self.change("touch", resource=resource, percent=percent, accountId=account_id, seed=seed)
        return cast("list[int]", answer["ids"])

    def reveal(self, account_id: int | None = None) -> list[int]:
        """List the hidden listings of orphaned reservations. Returns their ids."""
        return cast("list[int]", self.change("reveal", accountId=account_id)["ids"])

    # -- trouble -------------------------------------------------------------------------------------------------

    def fault(
        self, kind: str, *, match: Mapping[str, Any] | None = None, after: int = 0, times: int = 1, **options: Any
    ) -> JsonObject:
        """Add a fault rule: the first `after` matching calls pass, the next `times` (0 = all) are hit."""
        body = {"kind": kind, "match": match or {}, "after": after, "times": times, **options}
        return cast("JsonObject", self._call("POST", "faults", body)["faults"][0])

    def add_faults(self, rules: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
        return cast("list[JsonObject]", self._call("POST", "faults", {"faults": list(rules)})["faults"])

    def faults(self) -> list[JsonObject]:
        """Rules with how often they matched and applied."""
        return cast("list[JsonObject]", self._call("GET", "faults")["faults"])

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    # -- webhooks ------------------------------------------------------------------------------------------------

    def disorder(
        self, *, duplicates: int | None = None, overtaken: int | None = None, encoded_twice: int | None = None
    ) -> None:
        """Send the next events twice, late (the event after them first), or as JSON inside a JSON string."""
        wanted = {"duplicates": duplicates, "overtaken": overtaken, "encodedTwice": encoded_twice}
        self._call("POST", "deliveries", {name: value for name, value in wanted.items() if value is not None})

    def wait_delivered(self, timeout: float = 30.0) -> None:
        """Wait until no delivery is pending; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self.stats()["webhooks"]["pending"]:
            if time.monotonic() > deadline:
                raise TimeoutError("deliveries are still pending")
            time.sleep(0.01)
