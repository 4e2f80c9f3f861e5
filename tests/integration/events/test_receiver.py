"""What Hostaway is answered, and what is in the inbox afterwards."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
import requests

from sync_hostaway.accounts.webhook_endpoints import (
    digest,
    ensure_endpoint,
    forget_old_passwords,
    password_for,
    rotate_password,
)
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import run_requests as delta_requests
from sync_hostaway.events.lease import hold_lease
from sync_hostaway.hostaway.rate_limiter import RateLimit
from sync_hostaway.transforms.ledger import transform_lock
from waiting import eventually
from webhook_receiver import Receiver, add_bare_account, events, receiving

pytestmark = pytest.mark.integration


def reservation(id: int = 5, **fields: Any) -> dict[str, Any]:
    data = {"id": id, "listingMapId": 3, "status": "new", "updatedOn": "2026-05-20 10:00:00", **fields}
    return {"object": "reservation", "event": "reservation.updated", "accountId": 701, "data": data}


def test_an_event_is_kept_before_it_is_acknowledged(receiver: Receiver, warehouse: Connection) -> None:
    answer = receiver.post(reservation())
    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    (event,) = events(warehouse)
    assert event["account_id"] == 701
    assert (event["state"], event["event"], event["object"]) == ("pending", "reservation.updated", "reservation")
    assert (event["object_id"], event["reservation_id"]) == (5, 5)
    assert event["body"]


def asked(receiver: Receiver) -> list[str]:
    """The Dags of which runs were asked for, once there is one."""
    return eventually(lambda: receiver.trigger.asked)


def test_after_the_acknowledgement_a_run_is_asked_for(receiver: Receiver) -> None:
    receiver.post(reservation())
    assert asked(receiver) == ["hostaway_delta"]


def test_a_receiver_that_was_killed_before_it_asked_asks_when_it_begins_again(
    receiver: Receiver, warehouse: Connection
) -> None:
    assert receiver.trigger.asked == [], "nothing waits"
    receiver.post(reservation())
    with receiving(warehouse, 701) as again:
        assert asked(again) == ["hostaway_delta"]


def test_no_run_is_requested_while_a_worker_holds_the_lease(receiver: Receiver, warehouse: Connection) -> None:
    with connect() as worker, hold_lease(worker) as ours:
        assert ours
        receiver.post(reservation())
        receiver.post(reservation(id=6))
        assert receiver.trigger.asked == []
    receiver.post(reservation(id=7))
    assert asked(receiver) == ["hostaway_delta"]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_requests, "_POLL_INTERVAL", 0.2)


def await_look(warehouse: Connection) -> None:
    """Return when the receiver has looked once more whether a run is needed."""

    def looked_at() -> datetime:
        row = warehouse.execute(
            "select max(query_start) as latest from pg_stat_activity "
            "where query like '%pg_catalog.pg_locks%' and state = 'idle' and pid <> pg_backend_pid()"
        ).fetchone()
        return (row and row["latest"]) or datetime.min.replace(tzinfo=UTC)

    before = looked_at()
    eventually(lambda: looked_at() > before)


@pytest.mark.usefixtures("often")
def test_an_event_left_by_a_worker_that_was_killed_is_asked_for_soon(receiver: Receiver, warehouse: Connection) -> None:
    with connect() as worker, hold_lease(worker):
        receiver.post(reservation())
        # The receiver has seen that the worker is there, and counts on it.
        await_look(warehouse)
        assert receiver.trigger.asked == []
        worker.close()
    assert asked(receiver) == ["hostaway_delta"]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    "transform",
    [
        "",
        "insert into ops.transforms (state) values ('running')",
        "insert into ops.transforms (state, error) values ('failed', 'its connection was lost')",
    ],
)
def test_a_run_is_requested_for_rows_without_a_transform(
    receiver: Receiver, warehouse: Connection, transform: LiteralString
) -> None:
    """Their worker was killed, or its transform failed."""
    with transform_lock(warehouse):
        warehouse.execute(
            "insert into ops.sync_runs (account_id, run_key, resource, mode) values (701, 'x', 'reservations', 'delta')"
        )
        if transform:
            warehouse.execute(transform)
        warehouse.execute(
            "insert into ops.loads (account_id, resource, sync_run_id, transform_id) "
            "select 701, 'reservations', max(sync_run_id), (select max(transform_id) from ops.transforms) "
            "from ops.sync_runs"
        )
        await_look(warehouse)
        assert receiver.trigger.asked == [], "a transform is at work"
    assert asked(receiver) == ["hostaway_delta"]


UNREADABLE = [
    b"",
    b"not json",
    b"[1, 2]",
    b'"text"',
    b"[" * 10_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b"\xff\xfe\x00",
    b'{"object": "reservation", "event": "reservation.updated", "data": {"id": "five"}}',
]


def test_what_cannot_be_read_is_kept_and_acknowledged(receiver: Receiver, warehouse: Connection) -> None:
    assert [receiver.post(body).status_code for body in UNREADABLE] == [200] * len(UNREADABLE)
    kept = events(warehouse)
    assert [event["body"] for event in kept] == UNREADABLE
    assert {event["state"] for event in kept} == {"unreadable"}
    assert all(event["reason"] for event in kept)


def test_each_event_of_a_batch_is_kept(receiver: Receiver, warehouse: Connection) -> None:
    for _ in range(2):
        assert receiver.post([reservation(5), reservation(6), reservation(7)]).status_code == 200
    kept = [(event["state"], event["object_id"], event["times_received"]) for event in events(warehouse)]
    assert kept == [("pending", 5, 2), ("pending", 6, 2), ("pending", 7, 2)]


def test_a_long_batch_is_kept_whole_before_hostaway_gives_up(receiver: Receiver, warehouse: Connection) -> None:
    began = time.monotonic()
    assert receiver.post([{"object": "reservation", "data": {"id": id}} for id in range(1, 20_001)]).status_code == 200
    assert time.monotonic() - began < 20
    assert warehouse.execute("select count(*) as n from ops.webhook_events where state = 'pending'").fetchone() == {
        "n": 20_000
    }


def test_an_unknown_object_is_kept_and_acknowledged(receiver: Receiver, warehouse: Connection) -> None:
    assert receiver.post({"object": "invoice", "event": "invoice.paid", "data": {"id": 1}}).status_code == 200
    (event,) = events(warehouse)
    assert (event["state"], event["event"], event["object"]) == ("ignored", "invoice.paid", "invoice")


def test_a_delivery_that_comes_again_is_counted(receiver: Receiver, warehouse: Connection) -> None:
    for _ in range(3):
        assert receiver.post(reservation()).status_code == 200
    (event,) = events(warehouse)
    assert event["times_received"] == 3
    assert event["last_received_at"] > event["received_at"]


def finish(warehouse: Connection, state: str = "done") -> None:
    warehouse.execute(
        "update ops.webhook_events set state = %s, reason = 'it was so', finished_at = now() where state = 'pending'",
        [state],
    )


def test_what_hostaway_did_not_know_is_read_again_when_it_is_delivered_again(
    receiver: Receiver, warehouse: Connection
) -> None:
    receiver.post(reservation())
    warehouse.execute(
        "update ops.webhook_events set state = 'object_deleted', not_found_count = 5, attempts = 5, finished_at = now()"
    )
    receiver.post(reservation())
    (event,) = events(warehouse)
    assert (event["state"], event["not_found_count"], event["attempts"]) == ("pending", 0, 0)
    assert event["finished_at"] is None


def test_a_delivery_that_comes_again_after_it_was_done_stays_done(receiver: Receiver, warehouse: Connection) -> None:
    receiver.post(reservation())
    finish(warehouse)
    receiver.post(reservation())
    (event,) = events(warehouse)
    assert (event["state"], event["times_received"]) == ("done", 2)


@pytest.mark.parametrize("state", ["done", "object_deleted", "dead", "discarded"])
@pytest.mark.parametrize(("minutes", "is_repetition"), [(55, True), (65, False), (20 * 24 * 60, False)])
def test_an_equal_body_after_hostaways_retry_hour_is_another_event(
    receiver: Receiver, warehouse: Connection, state: str, minutes: int, is_repetition: bool
) -> None:
    receiver.post(reservation())
    finish(warehouse, state)
    warehouse.execute(
        "update ops.webhook_events set received_at = received_at - %(by)s, finished_at = finished_at - %(by)s, "
        "last_received_at = last_received_at - %(by)s, attempts = 20",
        {"by": timedelta(minutes=minutes)},
    )
    receiver.post(reservation())
    (event,) = events(warehouse)
    stays = is_repetition and state != "object_deleted"
    assert (event["state"], event["attempts"]) == ((state, 20) if stays else ("pending", 0))
    assert event["times_received"] == 2
    assert (event["finished_at"] is None, event["reason"] is None) == (not stays, not stays)
    waits = event["last_received_at"] - event["received_at"]
    assert (waits < timedelta(minutes=1)) is not stays, "a new event has not waited since the first delivery"
    receiver.post(reservation())
    (event,) = events(warehouse)
    assert event["state"] == (state if stays else "pending")


def test_an_event_that_an_older_version_could_not_read_is_read_when_it_comes_again(
    receiver: Receiver, warehouse: Connection
) -> None:
    receiver.post(reservation())
    warehouse.execute(
        "update ops.webhook_events set state = 'unreadable', event = null, object = null, object_id = null, "
        "reservation_id = null, reason = 'of an older version', finished_at = now()"
    )
    receiver.post(reservation())
    (event,) = events(warehouse)
    assert (event["state"], event["object"], event["object_id"], event["reason"]) == ("pending", "reservation", 5, None)


def test_an_object_that_changed_there_and_back_is_fetched_again(receiver: Receiver, warehouse: Connection) -> None:
    # A custom field does not move the stamp: the third body is the first one again, and is no repetition of it.
    receiver.post(reservation(doorCode="1"))
    receiver.post(reservation(doorCode="2"))
    receiver.post(reservation(id=6))
    finish(warehouse)
    receiver.post(reservation(doorCode="1"))
    assert [event["state"] for event in events(warehouse)] == ["pending", "done", "done"]


def test_accounts_do_not_share_events(receiver: Receiver, warehouse: Connection) -> None:
    add_bare_account(warehouse, 999)
    with receiving(warehouse, 999) as other:
        receiver.post(reservation())
        other.post(reservation())
    assert [event["account_id"] for event in events(warehouse)] == [701, 999]


def test_events_of_a_disabled_account_are_kept(receiver: Receiver, warehouse: Connection) -> None:
    warehouse.execute("update ops.accounts set state = 'disabled' where account_id = 701")
    assert receiver.post(reservation()).status_code == 200
    assert [event["state"] for event in events(warehouse)] == ["pending"]


def test_wrong_credentials_and_unknown_keys_are_told_nothing(receiver: Receiver, warehouse: Connection) -> None:
    mount = receiver.address.rpartition("/")[0]
    wrong = (b"sync-hostaway", b"wrong")
    answers = [
        receiver.post(reservation(), auth=auth, url=f"{mount}/{key}")
        for key in (receiver.endpoint.endpoint_key, "unknown-key", "%00", "%F0%9F%98%80", "a" * 5000)
        for auth in (None, wrong, (b"", b""), ("ä:ö".encode(), b":"))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {'{"status":"unauthorized"}'}
    assert len({frozenset(answer.headers.keys()) for answer in answers}) == 1
    assert all(answer.headers["WWW-Authenticate"].startswith("Basic") for answer in answers)
    assert not events(warehouse)


def test_the_password_of_one_account_opens_no_other(receiver: Receiver, warehouse: Connection) -> None:
    add_bare_account(warehouse, 999)
    with receiving(warehouse, 999) as other:
        assert other.post(reservation(), auth=(b"sync-hostaway", receiver.password.encode())).status_code == 401


def test_odd_authorization_is_refused(receiver: Receiver) -> None:
    for header in ("", "Basic", "Basic ???", "Bearer abc", "Basic " + "A" * 10_000, "Basic YWJj"):
        answer = requests.post(receiver.address, json=reservation(), headers={"Authorization": header}, timeout=30)
        assert answer.status_code == 401, header


def test_wrong_credentials_are_limited_and_hostaway_is_never_locked_out(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a proxy, Hostaway and a stranger have one address."""
    monkeypatch.setattr("sync_hostaway.events.receiver.REFUSAL_LIMIT", RateLimit(3, 3600))
    get_settings.cache_clear()
    add_bare_account(warehouse, 701)
    with receiving(warehouse, 701) as receiver:
        mount = receiver.address.rpartition("/")[0]
        for wrong in (None, (b"sync-hostaway", b"wrong"), (b"", b"")):
            for url in (receiver.address, f"{mount}/unknown"):
                answers = [receiver.post(reservation(), auth=wrong, url=url) for _ in range(5)]
                assert {answer.status_code for answer in answers} <= {401, 429}
                assert answers[-1].status_code == 429
                assert 3500 < int(answers[-1].headers["Retry-After"]) <= 3600
                assert answers[-1].json() == {"status": "too many requests"}
        # Its first delivery, its next ones, its test requests, and the first one with a new password.
        assert [receiver.post(reservation(id)).status_code for id in (5, 6)] == [200, 200]
        assert requests.post(receiver.address, json={"data": "test"}, timeout=30).status_code == 200
        rotate_password(warehouse, 701)
        new = (b"sync-hostaway", password_for(warehouse, ensure_endpoint(warehouse, 701)).encode())
        assert receiver.post(reservation(7), auth=new).status_code == 200
        assert receiver.post(reservation(8), auth=(b"sync-hostaway", b"wrong")).status_code == 429
    assert [event["object_id"] for event in events(warehouse)] == [5, 6, 7]


def test_a_password_may_hold_anything(receiver: Receiver, warehouse: Connection) -> None:
    for password in ("a:b::", "pässwörd ✓", " ", ":"):
        warehouse.execute("update ops.webhook_endpoints set password_digest = %s", [digest(password.encode())])
        assert receiver.post(reservation(), auth=(b"sync-hostaway", password.encode())).status_code == 200, password


def test_registration_probes_need_no_credentials_and_leave_nothing(receiver: Receiver, warehouse: Connection) -> None:
    assert requests.get(receiver.address, timeout=30).status_code == 200
    assert requests.post(receiver.address, json={"data": "test"}, timeout=30).status_code == 200
    assert receiver.post({"data": "test"}).status_code == 200
    assert not events(warehouse)


def test_a_body_over_the_limit_is_refused_whether_announced_or_not(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.events.receiver.BODY_LIMIT", 2000)
    get_settings.cache_clear()
    add_bare_account(warehouse, 701)
    with receiving(warehouse, 701) as receiver:
        assert receiver.post(b"x" * 2001).status_code == 413
        credentials = (receiver.endpoint.login, receiver.password)
        in_parts = requests.post(receiver.address, data=iter([b"x" * 1000] * 3), auth=credentials, timeout=30)
        assert in_parts.status_code == 413
        assert not events(warehouse)
        assert receiver.post(b"x" * 2000).status_code == 200


def test_other_methods_and_paths_are_refused_plainly(receiver: Receiver) -> None:
    for method, url in (("PUT", receiver.address), ("GET", f"{receiver.address}/x"), ("POST", receiver.url)):
        assert requests.request(method, url, timeout=30).status_code in (404, 405)
    for path in ("docs", "redoc", "openapi.json"):
        answer = requests.post(f"{receiver.address.rpartition('/')[0]}/{path}", json=reservation(), timeout=30)
        assert answer.status_code == 401


def test_answers_carry_security_headers_and_no_details(receiver: Receiver) -> None:
    for answer in (
        receiver.post(reservation()),
        receiver.post(b"", auth=None),
        requests.put(receiver.address, timeout=9),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert set(answer.json()) == {"status"}


def test_the_old_password_works_until_hostaway_has_had_the_new_one(receiver: Receiver, warehouse: Connection) -> None:
    rotate_password(warehouse, 701)
    new = (b"sync-hostaway", password_for(warehouse, ensure_endpoint(warehouse, 701)).encode())
    assert receiver.post(reservation()).status_code == 200
    assert receiver.post(reservation(), auth=new).status_code == 200

    warehouse.execute("update ops.webhook_endpoints set password_sent_at = now()")
    assert forget_old_passwords(warehouse) == 0, "what Hostaway sent before comes again within the hour"
    warehouse.execute("update ops.webhook_endpoints set password_sent_at = now() - interval '3 hours'")
    assert forget_old_passwords(warehouse) == 1
    assert receiver.post(reservation()).status_code == 401
    assert receiver.post(reservation(), auth=new).status_code == 200


def test_a_password_that_hostaway_was_never_told_does_not_replace_the_one_it_has(
    receiver: Receiver, warehouse: Connection
) -> None:
    for _ in range(3):
        rotate_password(warehouse, 701)
    assert receiver.post(reservation()).status_code == 200
