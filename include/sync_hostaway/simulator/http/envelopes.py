"""Answers as the API wraps them. Each list has its own envelope: see which keys are really there."""

from __future__ import annotations

from dataclasses import dataclass, field

from sync_hostaway.simulator.http.attach import encode

# Lists that send page and totalPages too.
_PAGED = frozenset({"conversations", "messages"})
# Lists that send only count, and offset as null.
_COUNTED = frozenset({"reviews", "guestCharges", "financeCustomFormulas"})

FORBIDDEN = "The resource owner or authorization server denied the request."
NOT_FOUND = "Resource not found"
RATE_LIMITED = (
    "This error occurs because a server detects that your application has exceeded the rate limits. "
    "Wait until the limit resets and send the request again."
)


@dataclass(slots=True)
class Answer:
    """A response before it is written: plain bytes, so that faults can cut and replace them."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def render(self) -> bytes:
        return self.body


@dataclass(slots=True)
class PageAnswer:
    """A list response in parts, so that faults can change rows or the count."""

    resource: str
    rows: list[bytes]
    total: int
    limit: int
    offset: int
    count_form: str = "number"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def render(self) -> bytes:
        return b"".join((b'{"status":"success","result":[', b",".join(self.rows), b"]", self._counters(), b"}"))

    def _counters(self) -> bytes:
        if self.resource in _COUNTED:
            return self._count() + b',"offset":null'
        counters = b',"limit":%d,"offset":%d' % (self.limit, self.offset) + self._count()
        if self.resource in _PAGED:
            pages = -(-self.total // self.limit)
            counters += b',"page":%d,"totalPages":%d' % (self.offset // self.limit + 1, pages)
        return counters

    def _count(self) -> bytes:
        if self.count_form == "absent":
            return b""
        return (b',"count":"%d"' if self.count_form == "text" else b',"count":%d') % self.total


@dataclass(slots=True)
class ObjectAnswer:
    """A single object (or any other result) in the success wrapper."""

    result: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def render(self) -> bytes:
        return b'{"status":"success","result":' + self.result + b"}"


Reply = Answer | PageAnswer | ObjectAnswer


def fail(status: int, message: str, *, key: str = "message", headers: dict[str, str] | None = None) -> Answer:
    """A failure; newer ones say why in `message`, older ones in `result`."""
    return Answer(status, encode({"status": "fail", key: message}), headers or {})


def not_found() -> Answer:
    return fail(404, NOT_FOUND)


def forbidden() -> Answer:
    return fail(403, FORBIDDEN)
