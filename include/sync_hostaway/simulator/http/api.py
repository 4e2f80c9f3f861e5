"""The API's own handlers: one method per route, from a parsed call to a reply."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from sync_hostaway.simulator.data.account_settings import pricing_settings, tax_settings
from sync_hostaway.simulator.data.changes import Changes
from sync_hostaway.simulator.data.conversations import for_endpoint
from sync_hostaway.simulator.data.dictionaries import DICTIONARIES
from sync_hostaway.simulator.data.finance_fields import standard_fields
from sync_hostaway.simulator.data.finance_reports import calculated_fields
from sync_hostaway.simulator.data.reservation_copies import in_calendar
from sync_hostaway.simulator.data.rows import JsonObject, R, Selection, Table
from sync_hostaway.simulator.http import list_specs
from sync_hostaway.simulator.http.attach import Attachments, attachments_of, encode
from sync_hostaway.simulator.http.envelopes import Answer, ObjectAnswer, PageAnswer, Reply, fail, not_found
from sync_hostaway.simulator.http.fault_effects import in_disorder
from sync_hostaway.simulator.http.faults import LIST, FaultRule
from sync_hostaway.simulator.http.finance import form_of, report, reservation_logs
from sync_hostaway.simulator.http.queries import ListSpec, PageRequest, Params, cut, order_of, page_request, select
from sync_hostaway.simulator.http.routes import Route
from sync_hostaway.simulator.http.state import Account, SimulatorState
from sync_hostaway.simulator.http.webhooks import WebhookRefused, Webhooks


@dataclass(slots=True)
class Call:
    """An authenticated call; `body` reads the request's bytes, `rules` are the faults that apply to it."""

    account: Account
    route: Route
    params: Params
    body: Callable[[], Awaitable[bytes]]
    rules: list[FaultRule] = field(default_factory=list)


class Api:
    """Serves calls from the state."""

    def __init__(self, state: SimulatorState, webhooks: Webhooks) -> None:
        self._state = state
        self._webhooks = webhooks
        self._handlers: dict[tuple[str, str], Callable[[Call], Reply | Awaitable[Reply]]] = {
            ("listings", "list"): self._list_rows,
            ("reservations", "list"): self._list_rows,
            ("conversations", "list"): self._list_rows,
            ("reviews", "list"): self._list_rows,
            ("tasks", "list"): self._list_rows,
            ("users", "list"): self._list_rows,
            ("coupons", "list"): self._list_rows,
            ("conversations", "of_reservation"): self._conversations_of_reservation,
            ("messages", "list"): self._list_messages,
            ("messages", "get"): self._get_message,
            ("messages", "create"): self._send_message,
            ("calendar", "list"): self._list_days,
            ("financeField", "get"): self._get_finance_fields,
            ("financeStandardField", "get"): self._get_finance_fields,
            ("financeCalculatedField", "get"): self._get_finance_fields,
            ("financeReport", "report"): self._get_report,
            ("expenses", "list"): self._list_rows,
            ("guestCharges", "list"): self._list_rows,
            ("ownerStatements", "list"): self._list_owner_statements,
            ("financeCustomFormulas", "list"): self._list_rows,
            ("accountTaxSettings", "list"): self._list_settings,
            ("customFields", "list"): self._list_rows,
            ("userGroups", "list"): self._list_settings,
            ("listingUnits", "get"): self._get_of_listing,
            ("listingFeeSettings", "get"): self._get_of_listing,
            ("listingTaxSettings", "get"): self._get_of_listing,
            ("listingPricingSettings", "get"): self._get_of_listing,
            ("reservationLogs", "list"): self._list_reservation_logs,
            ("dictionaries", "list"): self._get_dictionary,
            ("webhookLogs", "list"): self._list_webhook_logs,
            ("webhooks", "list"): self._list_webhooks,
            ("webhooks", "get"): self._get_webhook,
            ("webhooks", "create"): self._save_webhook,
            ("webhooks", "update"): self._save_webhook,
            ("webhooks", "delete"): self._delete_webhook,
        }

    async def serve(self, call: Call) -> Reply:
        handler = self._handlers.get((call.route.resource, call.route.kind), self._get_row)
        reply = handler(call)
        return reply if isinstance(reply, Answer | PageAnswer | ObjectAnswer) else await reply

    # -- tokens --------------------------------------------------------------------------------------------------

    def exchange(self, body: bytes) -> Answer:
        """POST /accessTokens: a bare OAuth answer, without the usual wrapper."""
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            error = {"error": "unsupported_grant_type", "error_description": "The grant type is not supported."}
            return Answer(400, encode(error))
        client = form.get("client_id", "")
        account = self._state.accounts.get(int(client)) if client.isdecimal() else None
        if account is None or account.secret != form.get("client_secret"):
            error = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return Answer(401, encode(error))
        tokens = self._state.tokens
        token = tokens.issue(account.id)
        return Answer(200, encode({"token_type": "Bearer", "expires_in": tokens.lifetime, "access_token": token}))

    def revoke(self, params: Params) -> Reply:
        """DELETE /accessTokens?token=: succeeds for unknown tokens too."""
        self._state.tokens.revoke(params.get("token") or "")
        return ObjectAnswer(b"[]")

    # -- lists and single objects --------------------------------------------------------------------------------

    def _spec(self, call: Call) -> ListSpec[Any]:
        data, resource = call.account.data, call.route.resource
        if resource == "reservations":
            return list_specs.reservations(data)
        if resource == "listings":
            return list_specs.listings(data, call.params)
        if resource == "conversations":
            return list_specs.conversations(data)
        if resource == "reviews":
            return list_specs.reviews(data)
        if resource == "tasks":
            return list_specs.tasks()
        if resource == "guestCharges":
            return list_specs.simple("reservationId", "listingMapId", "paymentProvider", "paymentMethod")
        return list_specs.simple(*(["objectType"] if resource == "customFields" else []))

    def _list_rows(self, call: Call) -> Reply:
        resource, params = call.route.resource, call.params
        if resource == "reviews" and params.get("sortBy"):
            order = f"{params.get('sortBy')} {params.get('sortOrder') or 'asc'}"
            params = params.extended("sortOrder", order)
        table = call.account.data.table(resource)
        request = self._page(call, cursor=resource == "reservations")
        return self._answer(call, table, self._spec(call), params, request)

    def _page(self, call: Call, *, cursor: bool = False) -> PageRequest:
        return page_request(call.params, call.route.resource, cursor=cursor)

    def _answer(
        self, call: Call, table: Table[R], spec: ListSpec[R], params: Params, request: PageRequest
    ) -> PageAnswer:
        resource = call.route.resource
        selection = select(table, spec, params)
        if any(rule.kind in LIST for rule in call.rules):
            order = order_of(spec, params)
            name = f"{call.account.id} {resource} {order.name}"
            selection = Selection(in_disorder(call.rules, name, selection.rows, order.key))
        attached = self._attachments(call)
        rows = [self._state.encoded(call.account, resource, row, attached) for row in cut(selection, request)]
        return PageAnswer(resource, rows, len(selection.rows), request.limit, request.offset)

    def _attachments(self, call: Call, *, single: bool = False) -> Attachments:
        return attachments_of(call.params, lean_by_default=self._state.config.lean_by_default, single=single)

    def _get_row(self, call: Call) -> Reply:
        resource = call.route.resource
        row = call.account.data.table(resource).get(call.route.ids[0])
        if row is None or getattr(row, "hidden", False):
            return not_found()
        result = self._state.encoded(call.account, resource, row, self._attachments(call, single=True))
        # The single user comes wrapped in an array.
        return ObjectAnswer(b"[" + result + b"]" if resource == "users" else result)

    def _conversations_of_reservation(self, call: Call) -> Reply:
        data = call.account.data
        reservation_id = call.route.ids[0]
        if data.reservations.get(reservation_id) is None:
            return not_found()
        spec = list_specs.conversations(data)
        params = Params([("reservationId", str(reservation_id))])
        return self._answer(call, data.conversations, spec, params, self._page(call))

    def _get_finance_fields(self, call: Call) -> Reply:
        row = call.account.data.reservations.get(call.route.ids[0])
        if row is None:
            return not_found()
        if call.route.resource == "financeField":
            return ObjectAnswer(encode(self._state.full_object(call.account, "reservations", row)["financeField"]))
        payload = call.account.data.object("reservations", row)
        if call.route.resource == "financeCalculatedField":
            return ObjectAnswer(encode(calculated_fields(payload, call.account.id)))
        return ObjectAnswer(encode(standard_fields(payload, call.account.id)))

    # -- finance and settings ------------------------------------------------------------------------------------

    async def _get_report(self, call: Call) -> Reply:
        return report(call.account, call.route.name, form_of(await call.body()))

    def _list_owner_statements(self, call: Call) -> Reply:
        """The list names the statements only, and has neither count nor pages."""
        rows = call.account.data.table("ownerStatements")
        return ObjectAnswer(encode([{"id": row.id, "statementName": row.payload["statementName"]} for row in rows]))

    def _list_settings(self, call: Call) -> Reply:
        return ObjectAnswer(encode([row.payload for row in call.account.data.table(call.route.resource)]))

    def _get_of_listing(self, call: Call) -> Reply:
        data, resource, listing_id = call.account.data, call.route.resource, call.route.ids[0]
        row = data.listings.get(listing_id)
        if row is None or row.hidden:
            return not_found()
        payload = data.object("listings", row)
        if resource == "listingTaxSettings":
            return ObjectAnswer(encode(tax_settings(data.account_id, listing_id)))
        if resource == "listingPricingSettings":
            return ObjectAnswer(encode(pricing_settings(listing_id)))
        field_name = {"listingUnits": "listingUnits", "listingFeeSettings": "listingFeeSetting"}[resource]
        return ObjectAnswer(encode(payload.get(field_name) or []))

    def _list_reservation_logs(self, call: Call) -> Reply:
        """Count and offset are there only where a limit or an offset was sent."""
        row = call.account.data.reservations.get(call.route.ids[0])
        if row is None:
            return not_found()
        rows = [encode(entry) for entry in reservation_logs(call.account.data.object("reservations", row))]
        if call.params.get("limit") is None and call.params.get("offset") is None:
            return ObjectAnswer(b"[" + b",".join(rows) + b"]")
        request = self._page(call)
        page = rows[request.offset : request.offset + request.limit]
        return PageAnswer("reservationLogs", page, len(rows), request.limit, request.offset)

    def _get_dictionary(self, call: Call) -> Reply:
        return ObjectAnswer(encode(DICTIONARIES[call.route.name]()))

    # -- messages ------------------------------------------------------------------------------------------------

    def _list_messages(self, call: Call) -> Reply:
        conversation = call.account.data.conversations.get(call.route.ids[0])
        if conversation is None:
            return not_found()
        scheduled = bool(call.params.flag("includeScheduledMessages"))
        rows = self._state.encoded_messages(call.account, conversation, scheduled=scheduled)
        request = self._page(call)
        page = rows[request.offset : request.offset + request.limit]
        return PageAnswer("messages", page, len(rows), request.limit, request.offset)

    def _get_message(self, call: Call) -> Reply:
        data = call.account.data
        conversation = data.conversations.get(call.route.ids[0])
        items = [] if conversation is None else data.messages(conversation)
        found = next((item for item in items if item.get("id") == call.route.ids[1]), None)
        return not_found() if found is None else ObjectAnswer(encode(self._as_sent(call.account, found)))

    def _as_sent(self, account: Account, message: JsonObject) -> JsonObject:
        return for_endpoint(message, account.data.line(message["listingMapId"]).name)

    async def _send_message(self, call: Call) -> Reply:
        body = _json_object(await call.body())
        if body is None or not isinstance(body.get("body"), str) or not body["body"]:
            return fail(400, "body is required")
        if call.account.data.conversations.get(call.route.ids[0]) is None:
            return not_found()
        fields = {
            "conversationId": call.route.ids[0],
            "body": body["body"],
            "communicationType": str(body.get("communicationType") or "email"),
            "isIncoming": 0,
            "sentUsingHostaway": 1,
        }
        message = Changes(call.account.data, self._state.clock).create("messages", fields)
        return ObjectAnswer(encode(self._as_sent(call.account, message)))

    # -- calendar ------------------------------------------------------------------------------------------------

    def _list_days(self, call: Call) -> Reply:
        data, listing_id = call.account.data, call.route.ids[0]
        row = data.listings.get(listing_id)
        if row is None or row.hidden:
            return not_found()
        try:
            span = data.day_span(call.params.get("startDate"), call.params.get("endDate"))
        except ValueError:
            return fail(400, "startDate and endDate must be dates")
        days = data.calendar(listing_id, span)
        if self._attachments(call).resources:
            days = [({**payload, "reservations": self._stays(call, ids)}, ids) for payload, ids in days]
        return ObjectAnswer(encode([payload for payload, _ in days]))

    def _stays(self, call: Call, ids: list[int]) -> list[JsonObject]:
        rows = [row for row in map(call.account.data.reservations.get, ids) if row is not None]
        return [in_calendar(call.account.data.object("reservations", row)) for row in rows]

    # -- webhooks ------------------------------------------------------------------------------------------------

    def _list_webhooks(self, call: Call) -> Reply:
        return ObjectAnswer(encode([hook.row for hook in self._webhooks.of_account(call.account.id)]))

    def _get_webhook(self, call: Call) -> Reply:
        hook = self._webhooks.get(call.account.id, call.route.ids[0])
        return not_found() if hook is None else ObjectAnswer(encode(hook.row))

    async def _save_webhook(self, call: Call) -> Reply:
        hook = self._webhooks.get(call.account.id, call.route.ids[0]) if call.route.ids else None
        if call.route.ids and hook is None:
            return not_found()
        body = _json_object(await call.body())
        if body is None:
            return fail(400, "the body must be a JSON object")
        try:
            hook = await self._webhooks.save(call.account.id, body, self._state.clock, hook)
        except WebhookRefused as refusal:
            return fail(400, str(refusal))
        return ObjectAnswer(encode(hook.row))

    def _delete_webhook(self, call: Call) -> Reply:
        if self._webhooks.get(call.account.id, call.route.ids[0]) is None:
            return not_found()
        self._webhooks.delete(call.route.ids[0])
        return ObjectAnswer(b"[]")

    def _list_webhook_logs(self, call: Call) -> Reply:
        rows = [row for row in self._webhooks.logs if row["accountId"] == call.account.id]
        for name in ("unifiedWebhookId", "listingMapId"):
            value = call.params.get(name)
            if value:
                rows = [row for row in rows if str(row[name]) == value]
        rows.reverse()
        request = self._page(call)
        page = rows[request.offset : request.offset + request.limit]
        return PageAnswer("webhookLogs", [encode(row) for row in page], len(rows), request.limit, request.offset)


def _json_object(body: bytes) -> JsonObject | None:
    try:
        data = json.loads(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
