"""Converts an HTTP response of Hostaway into a reply or the right exception.

Hostaway reports errors in four ways: a status code, `status: fail` (also with 200), an OAuth error body, and text that
is not JSON.
"""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

import orjson
import requests
from urllib3.exceptions import DecodeError

from sync_hostaway.core.exceptions import (
    AccessDenied,
    HostawayError,
    HostawayMalformedReply,
    HostawayNotFound,
    HostawayRefused,
    HostawayServerError,
    HostawayThrottled,
)
from sync_hostaway.core.redirects import redirect_target
from sync_hostaway.core.text import visible
from sync_hostaway.hostaway.deadline import ResponseTooSlow
from sync_hostaway.hostaway.endpoints import TOKEN_DENIED_MESSAGE
from sync_hostaway.hostaway.values import as_whole_number

_SNIPPET = 160
# Messages of urllib3 begin with the connection object, and contain the number of a system error.
_CONNECTION = re.compile(r"^(<[^>]*>|\w+\([^()]*\)): |\[Errno -?\d+\] ")
# jsonb cannot store NUL or half of a surrogate pair; message bodies contain both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# A string, or a bracket outside of a string. A string without an end matches up to the end of the body. Otherwise each
# of its quotes would be tried as the beginning of another string, which takes hours for a truncated body of 1 MB.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_LEVELS, _DIGITS = 100, 40
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Reply:
    """A successful response: its parsed content.

    :param count: number of rows that match the filter, for lists that have it.
    :param served_at: the server's clock in the response, if any.
    """

    result: Any
    count: int | None
    served_at: datetime | None


def read_reply(response: requests.Response) -> Reply:
    """Check a data response and return its result.

    :raises HostawayError: a subclass for each kind of error.
    """
    if not requests.codes.ok <= response.status_code < requests.codes.multiple_choices:
        raise _error_of(response)
    body = decode(response.content)
    if not isinstance(body, dict):
        raise HostawayMalformedReply(f"Hostaway answered {type(body).__name__} where an object was expected")
    if body.get("status") == "fail":
        raise _failed(body, response)
    if "result" not in body:
        raise HostawayMalformedReply(f"Hostaway's response has no result, only {len(body)} other fields")
    return Reply(body["result"], as_whole_number(body.get("count")), served_at(response))


def decode(content: bytes) -> Any:
    """Parse JSON so that PostgreSQL can store every value in it.

    A value that jsonb cannot store becomes a text, and a character that it cannot store becomes U+FFFD. So one value
    does not make the others unreadable.

    :raises HostawayMalformedReply: when it is not JSON. The message contains no part of it, because it may be personal
        data.
    """
    try:
        body = orjson.loads(content)
        # PHP writes at most 254 levels; deeper ones are not read.
        orjson.dumps(body)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        body = _decode_tolerantly(content)
    return storable(body) if b"\\u0000" in content else body


def _decode_tolerantly(content: bytes) -> Any:
    text = content.decode(json.detect_encoding(content), "replace")
    try:
        return storable(_DECODER.decode(_flattened(text).strip()))
    except RecursionError:
        raise HostawayMalformedReply(
            f"Hostaway answered JSON that is nested too deeply ({len(content)} bytes)"
        ) from None
    except ValueError as error:
        raise HostawayMalformedReply(f"Hostaway answered {_what_came(content)}{_place(error)}") from None


def decode_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON document that begins at a position of a text, and the position after it.

    :raises HostawayMalformedReply: when there is none.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise HostawayMalformedReply(f"No JSON from position {start} on") from None
    return storable(value), end


def _what_came(content: bytes) -> str:
    kind = "an HTML page" if content.lstrip()[:1] == b"<" else "something that is not JSON"
    return f"{kind} ({len(content)} bytes)"


def _place(error: ValueError) -> str:
    # The error and its text contain bytes of the body.
    return f", from position {error.pos} on" if isinstance(error, json.JSONDecodeError) and error.pos else ""


def _number(text: str) -> int | float | str:
    """A number, or its text if it is too large for a column or for Python."""
    if len(text) > _DIGITS:
        return text
    value = float(text)
    if not math.isfinite(value):
        return text
    return int(text) if text.lstrip("-").isdigit() else value


# NaN and Infinity, which are not JSON, become texts; line breaks in a string are accepted.
_DECODER = json.JSONDecoder(strict=False, parse_constant=str, parse_int=_number, parse_float=_number)


def _flattened(text: str) -> str:
    """JSON in which values below a maximum depth are texts."""
    parts: list[str] = []
    depth = copied = begun = 0
    for token in _BRACKETS.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == _LEVELS + 1:
                begun = token.start()
        elif token[0] in ("]", "}"):
            if depth == _LEVELS + 1:
                parts += [text[copied:begun], json.dumps(text[begun : token.end()])]
                copied = token.end()
            depth -= 1
    return "".join([*parts, text[copied:]])


def storable(value: Any) -> Any:
    """A value of JSON in which U+FFFD stands for each character that PostgreSQL cannot store."""
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value


def _error_of(response: requests.Response) -> HostawayError:
    error = _classified(response)
    error.status = response.status_code
    return error


def _classified(response: requests.Response) -> HostawayError:
    status = response.status_code
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    message = _message_of(body) if isinstance(body, dict) else f"{_what_came(response.content)} came with it"
    if status == requests.codes.too_many_requests:
        return HostawayThrottled(f"Hostaway's rate limit was hit: {message}", retry_at=retry_at(response))
    if status == requests.codes.not_implemented:
        return HostawayRefused(f"Hostaway answered HTTP {status}: {message}")
    if status >= requests.codes.internal_server_error or status == requests.codes.request_timeout:
        return HostawayServerError(f"Hostaway answered HTTP {status}: {message}")
    if status < requests.codes.bad_request:
        return HostawayMalformedReply(
            f"Hostaway answered HTTP {status}, which leads to {redirect_target(response)}: redirects are not followed"
        )
    if status in (requests.codes.not_found, requests.codes.gone):
        return HostawayNotFound(f"Hostaway answered HTTP {status}: {message}")
    denied = status == requests.codes.forbidden and TOKEN_DENIED_MESSAGE in message
    if denied or status == requests.codes.unauthorized:
        return AccessDenied(f"Hostaway answered HTTP {status}: {message}")
    return HostawayRefused(f"Hostaway answered HTTP {status}: {message}")


def _failed(body: dict[str, Any], response: requests.Response) -> HostawayError:
    """The error of a response with `status: fail` and HTTP 200. Only its message tells the kind."""
    message = _message_of(body)
    kind = AccessDenied if TOKEN_DENIED_MESSAGE in message else HostawayRefused
    error = kind(f"Hostaway answered status fail with HTTP {response.status_code}: {message}")
    error.status = response.status_code
    return error


def _message_of(body: dict[str, Any]) -> str:
    # documented as `result`; newer errors use `message`, the token endpoint `error_description`
    for key in ("message", "error_description", "error", "result"):
        if isinstance(body.get(key), str) and body[key]:
            return visible(str(body[key])[:_SNIPPET])
    return "no message"


def served_at(response: requests.Response) -> datetime | None:
    """The server's clock in the response, if any."""
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return None


def connection_error_text(error: requests.RequestException) -> str:
    """The error of the connection, without the exceptions that wrap it."""
    inner: BaseException = error
    through_proxy = False
    # requests and urllib3 wrap an exception four times at most.
    for _ in range(8):
        through_proxy = through_proxy or hasattr(inner, "original_error")
        if isinstance(inner.__cause__, ResponseTooSlow):
            return str(inner.__cause__)
        causes = [getattr(inner, "original_error", None), getattr(inner, "reason", None), *reversed(inner.args)]
        wrapped = next((cause for cause in causes if isinstance(cause, BaseException)), None)
        if wrapped is None or isinstance(inner, DecodeError):
            break
        inner = wrapped
    text = _text_of(inner)
    return f"the proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: {text}" if through_proxy else text


def _text_of(error: BaseException) -> str:
    if isinstance(error, DecodeError):
        return "The response cannot be decompressed"
    if isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected):
        # Their texts contain parts of the response, or are empty.
        return "The response ended early" if isinstance(error, IncompleteRead) else "The response is not HTTP"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _CONNECTION.sub("", text) or type(error).__name__


def retry_at(response: requests.Response) -> float | None:
    """The time of the next try after a 429, as a Unix time of our clock.

    `X-RateLimit-Retry-After` is a Unix timestamp of Hostaway's clock, which is in the header `Date`. The standard
    header counts seconds; because some responses confuse the two, a value above 1e9 is a timestamp in both.
    """
    for header in ("X-RateLimit-Retry-After", "Retry-After"):
        try:
            value = float(response.headers.get(header, ""))
        except ValueError:
            continue
        if not math.isfinite(value):
            continue
        if value <= 1e9:
            return time.time() + value
        theirs = served_at(response)
        return value + (time.time() - theirs.timestamp() if theirs else 0)
    return None
