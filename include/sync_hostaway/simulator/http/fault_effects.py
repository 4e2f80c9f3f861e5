"""What faults do to calls and answers."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sync_hostaway.simulator.data.rows import R
from sync_hostaway.simulator.http.attach import encode
from sync_hostaway.simulator.http.envelopes import (
    FORBIDDEN,
    RATE_LIMITED,
    Answer,
    ObjectAnswer,
    PageAnswer,
    Reply,
    fail,
)
from sync_hostaway.simulator.http.limits import Refusal
from sync_hostaway.simulator.http.queries import Params

if TYPE_CHECKING:
    from sync_hostaway.simulator.http.faults import FaultRule

_HTML = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>We will be right back</h1></body></html>"
)


def early_answer(rule: FaultRule, now: float) -> Answer | None:
    """The answer of faults that replace the call at a Unix time, None for the others."""
    options = rule.options
    if rule.kind == "status_429":
        refusal = Refusal(20, float(options["retry_after"]), "account")
        return fail(429, RATE_LIMITED, headers=refusal.headers(now))
    if rule.kind == "status_5xx":
        return Answer(int(options["status"]), _HTML, content_type="text/html")
    if rule.kind == "html_200":
        return Answer(200, _HTML, content_type="text/html")
    if rule.kind == "fail_200":
        return fail(200, str(options["message"]), key="result")
    if rule.kind == "expire_token":
        return fail(403, FORBIDDEN)
    if rule.kind == "not_enabled":
        return fail(int(options["status"]), str(options["message"]))
    return fail(403, str(options["message"])) if rule.kind == "forbid" else None


def late_effect(rule: FaultRule, reply: Reply) -> Reply:
    """The answer after a fault that changes rows or counts; others leave it alone."""
    if rule.kind == "bad_row":
        return _bad_row(rule, reply)
    if rule.kind == "blank":
        return _each_row(lambda row: _without(row, str(rule.options["field"])), reply)
    if rule.kind == "spell":
        return _spell(str(rule.options["field"]), str(rule.options["form"]), reply)
    if rule.kind == "columns":
        return _columns(str(rule.options["drop"]), reply, reverse=bool(rule.options["reverse"]))
    if rule.kind == "half_page":
        return _half(float(rule.options["keep"]), reply)
    if not isinstance(reply, PageAnswer):
        return reply
    if rule.kind == "count_off":
        reply.total = max(0, reply.total + int(rule.options["by"]))
        reply.count_form = str(rule.options["form"])
    return reply


def _columns(dropped: str, reply: Reply, *, reverse: bool) -> Reply:
    """A report without a column, or with its columns the other way round."""
    if isinstance(reply, ObjectAnswer) and reply.result.startswith(b"{"):
        table = json.loads(reply.result)
        places = [place for place, column in enumerate(table["columns"]) if column["name"] != dropped]
        places = places[::-1] if reverse else places
        table["columns"] = [table["columns"][place] for place in places]
        table["rows"] = [[row[place] for place in places] for row in table["rows"]]
        reply.result = encode(table)
    return reply


def _half(share: float, reply: Reply) -> Reply:
    if isinstance(reply, PageAnswer):
        reply.rows = reply.rows[: int(len(reply.rows) * share)]
    elif isinstance(reply, ObjectAnswer) and reply.result.startswith(b"["):
        days = json.loads(reply.result)
        reply.result = encode(days[: int(len(days) * share)])
    elif isinstance(reply, ObjectAnswer):
        table = json.loads(reply.result)
        if isinstance(table, dict) and isinstance(table.get("rows"), list):
            reply.result = encode({**table, "rows": table["rows"][: int(len(table["rows"]) * share)]})
    return reply


_SPELLINGS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "text": str,
    "padded": "0{}".format,
    "slashes": lambda value: str(value).replace("-", "/"),
}


def _spell(field: str, form: str, reply: Reply) -> Reply:
    """A field of every row of a list in another spelling."""

    def spelled(row: Any) -> Any:
        return {**row, field: _SPELLINGS[form](row[field])} if isinstance(row, dict) and field in row else row

    return _each_row(spelled, reply)


def _without(row: Any, field: str) -> Any:
    return {**row, field: None} if isinstance(row, dict) and field in row else row


def _each_row(change: Callable[[Any], Any], reply: Reply) -> Reply:
    if isinstance(reply, PageAnswer):
        reply.rows = [encode(change(json.loads(row))) for row in reply.rows]
    elif isinstance(reply, ObjectAnswer) and reply.result.startswith(b"["):
        reply.result = encode([change(row) for row in json.loads(reply.result)])
    return reply


def used_params(rules: Sequence[FaultRule], params: Params) -> Params:
    """The parameters that the server uses. With these faults, it ignores some, or returns fewer rows than requested."""
    for rule in rules:
        if rule.kind == "repeat_ids":
            params = params.without("offset", "afterId")
        elif rule.kind == "ignore":
            params = params.without(str(rule.options["parameter"]))
        elif rule.kind == "page_cap":
            rows = int(rule.options["rows"])
            params = params.extended("limit", str(min(params.number("limit") or rows, rows)))
    return params


def in_disorder(rules: Sequence[FaultRule], name: str, rows: list[R], key: Callable[[R], Any]) -> list[R]:
    """The rows of a list of a server with another order than documented.

    :param name: of the list and its order, account included.
    :param key: that the list is sorted by; its first part is the stamp.
    """
    for rule in rules:
        if rule.kind == "reverse_order":
            rows = rows[::-1]
        elif rule.kind == "swap_ties" and rule.applied % 2:
            groups = [list(group) for _, group in groupby(rows, lambda row: key(row)[0])]
            rows = [row for group in groups for row in reversed(group)]
        elif rule.kind == "stale_order":
            places = {id: place for place, id in enumerate(rule.seen.setdefault(name, [row.id for row in rows]))}
            rows = sorted(rows, key=lambda row: places.get(row.id, len(places)))
    return rows


def _bad_row(rule: FaultRule, reply: Reply) -> Reply:
    defect, wanted_id = str(rule.options["defect"]), rule.options["id"]
    if isinstance(reply, ObjectAnswer):
        payload = json.loads(reply.result)
        if isinstance(payload, dict) and wanted_id in (None, payload.get("id")):
            reply.result = encode(spoil(payload, defect))
    elif isinstance(reply, PageAnswer) and reply.rows:
        position = int(rule.options["row"]) % len(reply.rows)
        if wanted_id is not None:
            marker = b'"id":%d,' % int(wanted_id)
            found = [number for number, row in enumerate(reply.rows) if row[:64].find(marker) == 1]
            if not found:
                return reply
            position = found[0]
        reply.rows[position] = encode(spoil(json.loads(reply.rows[position]), defect))
    return reply


def spoil(payload: dict[str, Any], defect: str) -> dict[str, Any]:
    """The object with one defect in it."""
    result = dict(payload)
    if defect == "missing_id":
        result.pop("id", None)
    elif defect == "string_for_number":
        field = _first(result, "totalPrice", "price", "listingMapId", "personCapacity")
        result[field] = f"not-a-number-{result.get(field)}"
    elif defect == "unknown_status":
        result["status"] = "teleported"
    elif defect == "impossible_date":
        result[_first(result, "arrivalDate", "date", "latestActivityOn", "messageSentOn")] = "2026-02-31"
    else:
        damage = "\x00" if defect == "nul_char" else "\ud83d"
        field = _first(result, "guestName", "body", "name", "recipientName", "note", "publicReview")
        result[field] = f"{result.get(field) or 'text'}{damage}end"
    return result


def _first(payload: dict[str, Any], *names: str) -> str:
    return next((name for name in names if name in payload), names[0])


def reset_connection(request: web.BaseRequest) -> None:
    """Abort with a TCP reset: a zero linger makes close() send RST instead of FIN."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def send_cut(request: web.BaseRequest, body: bytes, *, close: bool) -> web.StreamResponse:
    """Send half of a body: with the whole length announced and the connection closed, or as correct HTTP."""
    half = body[: len(body) // 2]
    if not close:
        return web.Response(body=half, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(half)
    if request.transport is not None:
        # close(), not abort(): the half that was written still has to arrive.
        request.transport.close()
    return response
