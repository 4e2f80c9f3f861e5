"""From an HTTP request to its answer: authentication, limits and faults around the API's handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from sync_hostaway.simulator.data.changes import Changes
from sync_hostaway.simulator.http.api import Api, Call
from sync_hostaway.simulator.http.envelopes import RATE_LIMITED, Reply, fail, forbidden, not_found
from sync_hostaway.simulator.http.fault_effects import (
    early_answer,
    late_effect,
    reset_connection,
    send_cut,
    used_params,
)
from sync_hostaway.simulator.http.faults import FaultRule
from sync_hostaway.simulator.http.limits import Refusal
from sync_hostaway.simulator.http.queries import Params
from sync_hostaway.simulator.http.routes import Route, resolve
from sync_hostaway.simulator.http.state import Account, SimulatorState

_PREFIX = "/v1/"
_NOWHERE = Route("unknown", "unknown")

Control = Callable[[web.BaseRequest, str, str], Awaitable[web.StreamResponse]]


class Pipeline:
    """The server's only handler. `control` serves the paths below /_control/."""

    def __init__(self, state: SimulatorState, api: Api, control: Control) -> None:
        self._state = state
        self._api = api
        self._control = control

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        if path.startswith("/_control/"):
            return await self._control(request, path[len("/_control/") :], query)
        route = resolve(request.method, path[len(_PREFIX) :]) if path.startswith(_PREFIX) else None
        return await self._handle_call(request, route or _NOWHERE, Params(query))

    async def _handle_call(self, request: web.BaseRequest, route: Route, params: Params) -> web.StreamResponse:
        state = self._state
        token = _bearer(request)
        account = self._account(token)
        account_id = None if account is None else account.id
        state.stats.count("" if account_id is None else str(account_id), f"{route.resource}.{route.kind}")
        rules = state.faults.take(request.raw_path, route.resource, request.method, account_id)
        reply = await self._early_faults(request, rules, account, token) if rules else None
        if request.transport is None or request.transport.is_closing():
            return web.Response(status=500)
        if reply is None:
            reply = await self._serve(request, route, used_params(rules, params), account, rules)
            for rule in rules:
                reply = late_effect(rule, reply)
        return await self._write(request, reply, rules)

    def _account(self, token: str | None) -> Account | None:
        account_id = None if token is None else self._state.tokens.account_of(token)
        return None if account_id is None else self._state.accounts.get(account_id)

    async def _early_faults(
        self, request: web.BaseRequest, rules: list[FaultRule], account: Account | None, token: str | None
    ) -> Reply | None:
        for rule in rules:
            options = rule.options
            if rule.kind == "slow":
                await asyncio.sleep(float(options["seconds"]))
            elif rule.kind == "reset":
                reset_connection(request)
                return None
            elif rule.kind == "drift" and account is not None:
                counts = {name: int(options[name]) for name in ("update", "insert", "delete")}
                Changes(account.data, self._state.clock).drift(**counts, seed=rule.applied)
            elif rule.kind == "expire_token" and token is not None:
                self._state.tokens.revoke(token)
            answer = early_answer(rule, self._state.clock.time())
            if answer is not None:
                return answer
        return None

    async def _serve(
        self, request: web.BaseRequest, route: Route, params: Params, account: Account | None, rules: list[FaultRule]
    ) -> Reply:
        refusal = self._refusal(request, route, account)
        if refusal is not None:
            self._state.stats.rate_limited["" if account is None else str(account.id)] += 1
            return fail(429, RATE_LIMITED, headers=refusal.headers(self._state.clock.time()))
        if route.resource == "accessTokens":
            return self._api.exchange(await request.read()) if route.kind == "create" else self._api.revoke(params)
        if account is None:
            return forbidden()
        if route is _NOWHERE:
            return not_found()
        return await self._api.serve(Call(account, route, params, request.read, rules))

    def _refusal(self, request: web.BaseRequest, route: Route, account: Account | None) -> Refusal | None:
        """Sending messages has a limit of its own; every other call counts for the address and the account."""
        config = self._state.config
        if route == Route("messages", "create", route.ids):
            if account is None or config.message_limit is None:
                return None
            return self._state.windows.check([("endpoint", str(account.id), config.message_limit)])
        checks = []
        if config.ip_limit is not None:
            checks.append(("ip", request.remote or "", config.ip_limit))
        if config.account_limit is not None and account is not None:
            checks.append(("account", str(account.id), config.account_limit))
        return self._state.windows.check(checks) if checks else None

    async def _write(self, request: web.BaseRequest, reply: Reply, rules: list[FaultRule]) -> web.StreamResponse:
        self._state.stats.statuses[reply.status] += 1
        body = reply.render()
        for rule in rules:
            if rule.kind == "cut_json":
                return await send_cut(request, body, close=bool(rule.options["close"]))
        headers = {"Content-Type": reply.content_type, "Date": self._state.clock.http_date(), **reply.headers}
        return web.Response(body=body, status=reply.status, headers=headers)


def _bearer(request: web.BaseRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None
