"""What Hostaway answers, and what becomes of it."""

from __future__ import annotations

import json
import time

import pytest
import requests

from sync_hostaway.core import exceptions
from sync_hostaway.hostaway.responses import read_reply, retry_at

DENIED = "The resource owner or authorization server denied the request."


def response(status: int, body: object, headers: dict[str, str] | None = None) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer.headers.update(headers or {})
    return answer


def test_a_list_with_its_count() -> None:
    reply = read_reply(response(200, {"status": "success", "result": [{"id": 1}], "count": 7}))
    assert (reply.result, reply.count) == ([{"id": 1}], 7)


def test_every_success_is_one() -> None:
    assert read_reply(response(201, {"status": "success", "result": {"id": 5}})).result == {"id": 5}


@pytest.mark.parametrize(
    ("count", "read"), [("60", 60), (0, 0), ("", None), ("many", None), (None, None), (True, None)]
)
def test_a_count_may_be_a_digit_string(count: object, read: int | None) -> None:
    assert read_reply(response(200, {"result": [], "count": count})).count == read


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (200, {"status": "fail", "result": "Listing is archived"}, exceptions.HostawayRefused, "Listing is archived"),
        (200, {"status": "fail", "message": "No such thing"}, exceptions.HostawayRefused, "No such thing"),
        (200, {"status": "success"}, exceptions.HostawayMalformedReply, "no result"),
        (200, [1, 2], exceptions.HostawayMalformedReply, "list where an object"),
        (200, b"<html><body>Maintenance</body></html>", exceptions.HostawayMalformedReply, "an HTML page"),
        (200, b'{"status": "success", "result": [{"id"', exceptions.HostawayMalformedReply, "not JSON"),
        (200, b"", exceptions.HostawayMalformedReply, "0 bytes"),
        (200, b"[" * 100_000, exceptions.HostawayMalformedReply, "nested too deeply"),
        (403, {"status": "fail", "message": DENIED}, exceptions.AccessDenied, "denied the request"),
        (401, {"status": "fail", "message": "Unauthorized"}, exceptions.AccessDenied, "401"),
        (403, {"status": "fail", "message": "Dates are not available"}, exceptions.HostawayRefused, "Dates are"),
        (404, {"status": "fail", "message": "Resource not found"}, exceptions.HostawayNotFound, "Resource not found"),
        (422, {"status": "fail", "result": "Bad value"}, exceptions.HostawayRefused, "422: Bad value"),
        (503, b"<html>down</html>", exceptions.HostawayServerError, "503"),
        (408, {"status": "fail", "message": "Took too long"}, exceptions.HostawayServerError, "408"),
        (302, b"", exceptions.HostawayMalformedReply, "302"),
        (202, b"", exceptions.HostawayMalformedReply, "0 bytes"),
        (429, {"status": "fail", "message": "slow down"}, exceptions.HostawayThrottled, "slow down"),
    ],
)
def test_everything_else_is_an_error_that_says_what_came(
    status: int, body: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        read_reply(response(status, body))


def test_text_that_postgresql_cannot_store_is_replaced() -> None:
    raw = b'{"result": [{"id": 1, "body": "a\\u0000b", "half": "\\ud83d", "whole": "\\ud83d\\ude00"}]}'
    row = read_reply(response(200, raw)).result[0]
    assert row == {"id": 1, "body": "a\ufffdb", "half": "\ufffd", "whole": "😀"}


def test_the_retry_header_is_a_unix_timestamp() -> None:
    assert retry_at(response(429, {}, {"X-RateLimit-Retry-After": "1795305600"})) == 1795305600


def test_the_standard_header_counts_seconds() -> None:
    before = time.time()
    moment = retry_at(response(429, {}, {"Retry-After": "5"}))
    assert moment is not None
    assert before + 5 <= moment <= time.time() + 5


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "nan", "inf", "-Infinity", "1e999", ""])
def test_no_header_no_time(value: str) -> None:
    assert retry_at(response(429, {}, {"Retry-After": value, "X-RateLimit-Retry-After": value})) is None


def test_a_timestamp_is_read_by_the_clock_that_wrote_it() -> None:
    # Hostaway's clock stands at 2020: ten seconds are ten seconds all the same.
    headers = {"X-RateLimit-Retry-After": "1577836810", "Date": "Wed, 01 Jan 2020 00:00:00 GMT"}
    before = time.time()
    moment = retry_at(response(429, {}, headers))
    assert moment is not None
    assert before + 10 <= moment <= time.time() + 10
