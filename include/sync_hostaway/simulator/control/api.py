"""The control interface under /_control/: truth, changes, faults, accounts, webhooks, counters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.control.truth import truth, truth_object, truth_objects
from sync_hostaway.simulator.data.changes import Changes, NotThere
from sync_hostaway.simulator.data.clock import stamp
from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.http.queries import Params
from sync_hostaway.simulator.http.state import Account, SimulatorState
from sync_hostaway.simulator.http.webhooks import Webhooks

_EVENTS = {"create": "reservation.created", "patch": "reservation.updated"}


class ControlApi:
    """Answers plain JSON; 400 with {"error": …} for requests it does not understand, 404 for missing objects."""

    def __init__(self, state: SimulatorState, webhooks: Webhooks) -> None:
        self._state = state
        self._webhooks = webhooks
        self._routes: dict[tuple[str, str], Callable[[Params, JsonObject], Any]] = {
            ("GET", "health"): self._health,
            ("GET", "stats"): self._stats,
            ("POST", "reset"): self._reset,
            ("GET", "truth"): self._truth,
            ("POST", "accounts"): self._change_account,
            ("POST", "change"): self._change,
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "clock"): self._set_clock,
            ("POST", "deliveries"): self._mischief,
        }

    async def handle(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        path, params = path.strip("/"), Params(query)
        try:
            if path.startswith("truth/") and request.method == "GET":
                return _reply(self._truth_object(path.split("/")[1:], params))
            handler = self._routes.get((request.method, path))
            if handler is None:
                return _reply({"error": f"no such control path: {request.method} {path}"}, 404)
            return _reply(handler(params, _object(await request.read())))
        except NotThere as missing:
            return _reply({"error": str(missing)}, 404)
        except (ValueError, KeyError, TypeError) as error:
            return _reply({"error": f"{type(error).__name__}: {error}"}, 400)

    def _account(self, number: Any) -> Account:
        """The account by id; without one the first."""
        accounts = self._state.accounts
        if number is None and accounts:
            return next(iter(accounts.values()))
        account = accounts.get(int(number)) if number is not None else None
        if account is None:
            raise NotThere(f"account {number} does not exist")
        return account

    def _health(self, params: Params, body: JsonObject) -> JsonObject:
        return {"status": "ok", "accounts": sorted(self._state.accounts), "now": self._state.clock.timestamp()}

    def _stats(self, params: Params, body: JsonObject) -> JsonObject:
        webhooks = {"attempts": self._webhooks.deliveries, "pending": self._webhooks.pending}
        return {**self._state.stats.report(), "webhooks": webhooks}

    def _reset(self, params: Params, body: JsonObject) -> JsonObject:
        """Everything back to the start, or only the counters with {"only": "stats"}."""
        if body.get("only") == "stats":
            self._state.stats.clear()
            self._state.windows.clear()
        else:
            self._webhooks.clear()
            self._state.reset()
        return {"status": "ok"}

    def _truth(self, params: Params, body: JsonObject) -> JsonObject:
        data = self._account(params.get("accountId")).data
        return truth(data, params.get("start"), params.get("end"), ids=params.flag("ids") is not False)

    def _truth_object(self, parts: list[str], params: Params) -> Any:
        account = self._account(params.get("accountId"))
        if len(parts) == 1:
            limit, offset = params.number("limit") or 100, params.number("offset") or 0
            return truth_objects(self._state, account, parts[0], offset, limit)
        found = truth_object(self._state, account, parts[0], int(parts[1]))
        if found is None:
            raise NotThere(f"{parts[0]} {parts[1]} does not exist")
        return found

    def _change_account(self, params: Params, body: JsonObject) -> JsonObject:
        """{"action": "add" | "remove" | "secret", "accountId", "secret"?, "sizes"?}"""
        action, number = body["action"], int(body["accountId"])
        if action == "add":
            sizes = Sizes(**body["sizes"]) if body.get("sizes") else None
            self._state.add_account(number, str(body["secret"]), sizes)
        elif action == "remove":
            self._account(number)
            del self._state.accounts[number]
            self._state.tokens.revoke_account(number)
        elif action == "secret":
            self._account(number).secret = str(body["secret"])
        else:
            raise ValueError(f"unknown action {action!r}, known are add, remove, secret")
        return {"accounts": sorted(self._state.accounts)}

    def _change(self, params: Params, body: JsonObject) -> JsonObject:
        """{"action", "accountId"?, "resource"?, "id"?, "fields"?, "emit"?, …}"""
        account = self._account(body.get("accountId"))
        changes = Changes(account.data, self._state.clock)
        action, resource = str(body["action"]), str(body.get("resource", "reservations"))
        result = self._apply(changes, action, resource, body)
        if body.get("emit", True) and action in _EVENTS and isinstance(result.get("object"), dict):
            result["emitted"] = self._emit_change(account, action, resource, result["object"])
        return {**result, "now": self._state.clock.timestamp()}

    def _apply(self, changes: Changes, action: str, resource: str, body: JsonObject) -> JsonObject:
        fields = body.get("fields") or {}
        if action == "patch" and resource == "calendar":
            return {"object": changes.patch_day(int(body["id"]), str(body["date"]), fields)}
        if action == "patch":
            bump, activity = bool(body.get("bump", True)), bool(body.get("activity", True))
            return {"object": changes.patch(resource, int(body["id"]), fields, bump=bump, activity=activity)}
        if action == "create":
            return {"object": changes.create(resource, fields, bump=bool(body.get("bump", True)))}
        if action == "delete":
            changes.delete(resource, int(body["id"]))
            return {"deleted": int(body["id"])}
        if action == "touch":
            activity = bool(body.get("activity", False))
            return {"ids": changes.touch(resource, float(body["percent"]), int(body.get("seed", 0)), activity=activity)}
        if action == "reveal":
            return {"ids": changes.reveal()}
        raise ValueError(f"unknown action {action!r}, known are patch, create, delete, touch, reveal")

    def _emit_change(self, account: Account, action: str, resource: str, payload: JsonObject) -> int:
        """The event that a change causes; messages cause one only when a guest wrote them."""
        if resource == "reservations":
            data = {**truth_object(self._state, account, resource, payload["id"]), "listingCustomFields": []}
            return self._webhooks.emit(account.id, _EVENTS[action], data)
        if resource == "messages" and action == "create" and payload.get("isIncoming"):
            return self._webhooks.emit(account.id, "message.received", payload)
        return 0

    def _mischief(self, params: Params, body: JsonObject) -> JsonObject:
        """{"duplicates": n, "overtaken": n, "encodedTwice": n}: disorder for the next deliveries."""
        mischief = self._webhooks.mischief
        mischief.duplicates = int(body.get("duplicates", mischief.duplicates))
        mischief.encoded_twice = int(body.get("encodedTwice", mischief.encoded_twice))
        mischief.overtaken = int(body.get("overtaken", mischief.overtaken))
        return {"status": "ok"}

    def _list_faults(self, params: Params, body: JsonObject) -> JsonObject:
        return {"faults": [rule.describe() for rule in self._state.faults.rules]}

    def _add_faults(self, params: Params, body: JsonObject) -> JsonObject:
        """One rule, or {"faults": [rule, …]}."""
        rules = body.get("faults", [body])
        return {"faults": [self._state.faults.add(rule).describe() for rule in rules]}

    def _clear_faults(self, params: Params, body: JsonObject) -> JsonObject:
        self._state.faults.clear()
        return {"faults": []}

    def _set_clock(self, params: Params, body: JsonObject) -> JsonObject:
        clock = self._state.clock
        clock.advance(float(body.get("seconds", 0)))
        if "running" in body:
            (clock.start if body["running"] else clock.stop)()
        return {"now": stamp(self._state.clock.now())}


def _object(body: bytes) -> JsonObject:
    data = json.loads(body) if body else {}
    if not isinstance(data, dict):
        raise TypeError("the body must be a JSON object")
    return data


def _reply(data: Any, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(data), status=status, content_type="application/json")
