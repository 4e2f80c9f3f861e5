"""During an outage of the warehouse, nothing is lost, and other requests do not wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from cryptography.fernet import Fernet

from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account, client_for
from sync_hostaway.accounts.webhook_endpoints import ensure_endpoint, password_for
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events.receiver import create_app
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.simulator import SimulatorConfig, Sizes, running
from sync_hostaway.webhook_admin.registration import ensure_registered
from waiting import eventually
from webhook_receiver import Receiver, RecordingTrigger, Server, add_bare_account, events, receiving

pytestmark = pytest.mark.integration


def event(id: int) -> dict[str, Any]:
    return {"object": "reservation", "event": "reservation.updated", "data": {"id": id}}


@pytest.fixture
def own_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that a test may stop, with a migrated warehouse."""
    with EmbeddedPostgres(tmp_path / "pg") as server:
        dsn = server.dsn("warehouse")
        migrations.upgrade(dsn)
        monkeypatch.setenv("WAREHOUSE_URL", dsn)
        monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
        get_settings.cache_clear()
        yield server


def test_what_comes_while_postgresql_is_away_comes_again(
    own_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hostaway's hour of retries lasts eleven seconds here.
    config = SimulatorConfig(
        sizes=Sizes(listings=2, reservations=8, conversations=2), token_delay=0.0, webhook_time_scale=0.0036
    )
    with running(config) as simulator:
        monkeypatch.setenv("HOSTAWAY_API_URL", simulator.url)
        monkeypatch.setattr("sync_hostaway.hostaway.client.TOKEN_SETTLING", 0)
        get_settings.cache_clear()
        with connect() as connection:
            add_account(connection, 701, "secret-701")
        with connect() as connection, receiving(connection, 701) as receiver:
            monkeypatch.setenv("PUBLIC_BASE_URL", receiver.url)
            get_settings.cache_clear()
            with client_for(connection, 701) as client:
                ensure_registered(connection, client)
            own_postgres.stop()
            changed = [row["id"] for row in simulator.control.objects("reservations", 701)]
            for id in changed:
                simulator.control.patch("reservations", id, {"guestNote": "late"}, account_id=701)
            eventually(lambda: simulator.control.stats()["webhooks"]["attempts"] >= len(changed))
            own_postgres.start()
            simulator.control.wait_delivered()
        with connect() as connection:
            assert sorted(row["object_id"] for row in events(connection)) == sorted(changed)


def test_a_receiver_starts_while_postgresql_is_away(own_postgres: EmbeddedPostgres) -> None:
    with connect() as connection:
        add_bare_account(connection, 701)
        endpoint = ensure_endpoint(connection, 701)
        password = password_for(connection, endpoint)
    own_postgres.stop()
    trigger = RecordingTrigger()
    with Server(create_app(trigger)) as server:
        receiver = Receiver(server.url, endpoint, password, trigger)
        answer = receiver.post(event(1))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert answer.json() == {"status": "try again later"}
        assert requests.get(receiver.address, timeout=30).status_code == 200
        own_postgres.start()
        assert receiver.post(event(1)).status_code == 200, "the first delivery after an outage is taken"


def test_connections_that_died_with_the_server_cost_no_delivery(own_postgres: EmbeddedPostgres) -> None:
    with connect() as connection:
        add_bare_account(connection, 701)
        with receiving(connection, 701) as receiver:
            assert receiver.post(event(1)).status_code == 200
            own_postgres.stop()
            own_postgres.start()
            assert receiver.post(event(2)).status_code == 200


def test_a_warehouse_that_hangs_gets_503_in_time_and_blocks_no_other_route(
    warehouse: Connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_hostaway.events.inbox.CONNECTIONS", 2)
    get_settings.cache_clear()
    add_bare_account(warehouse, 701)
    with receiving(warehouse, 701) as receiver, ThreadPoolExecutor(6) as pool, connect(warehouse_dsn) as other:
        with other.transaction():
            other.execute("lock table ops.webhook_events")
            began = time.monotonic()
            # Two of them take the connections and hang; the others wait for one.
            answers = [pool.submit(receiver.post, event(id)) for id in range(6)]
            probe = requests.get(receiver.address, timeout=30)
            assert probe.status_code == 200
            assert not any(answer.done() for answer in answers), "it has waited for those that hang"
            assert [answer.result().status_code for answer in answers] == [503] * 6
            assert time.monotonic() - began < 20, "Hostaway waits for 20 s"
        assert receiver.post(event(9)).status_code == 200


def test_the_same_delivery_to_two_workers_at_once_is_one_event(receiver: Receiver, warehouse: Connection) -> None:
    with receiving(warehouse, 701, receiver.trigger) as second, ThreadPoolExecutor(8) as pool:
        turns = [receiver, second] * 20
        assert {answer.status_code for answer in pool.map(lambda worker: worker.post(event(5)), turns)} == {200}
    (kept,) = events(warehouse)
    assert kept["times_received"] == 40


def garbage(seed: int, count: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    sound = b'{"object":"reservation","event":"reservation.updated","data":{"id":5,"listingMapId":3}}'
    for number in range(count):
        kind = number % 4
        if kind == 0:
            yield chance.randbytes(chance.randrange(200))
        elif kind == 1:
            yield sound[: chance.randrange(len(sound))]
        elif kind == 2:
            yield b"[" * chance.randrange(2_000) + chance.randbytes(3)
        else:
            place = chance.randrange(len(sound))
            yield sound[:place] + chance.randbytes(2) + sound[place + 1 :]


async def pour(receiver: Receiver, bodies: list[bytes], statuses: list[int]) -> None:
    good, wrong = (
        {"Authorization": aiohttp.encode_basic_auth(receiver.endpoint.login, password)}
        for password in (receiver.password, "wrong")
    )
    waiting = list(enumerate(bodies))

    async def client(session: aiohttp.ClientSession) -> None:
        while waiting:
            number, body = waiting.pop()
            headers = good if number % 5 else wrong
            async with session.post(receiver.address, data=body, headers=headers) as answer:
                statuses.append(answer.status)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(client(session) for _ in range(16)))


def test_ten_thousand_garbage_posts_leave_it_answering(receiver: Receiver, warehouse: Connection) -> None:
    bodies = list(garbage(1, 10_000))
    statuses: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        poured = pool.submit(asyncio.run, asyncio.wait_for(pour(receiver, bodies, statuses), 250))
        ahead = []
        while not poured.done():
            before = len(statuses)
            assert requests.get(receiver.address, timeout=60).status_code == 200
            ahead.append(len(statuses) - before)
            time.sleep(0.1)
        poured.result()
    counted = {status: statuses.count(status) for status in set(statuses)}
    # Wrong credentials are limited, right ones never.
    assert (counted[200], counted[401] + counted[429]) == (8_000, 2_000)
    # Sixteen are under way at any time; a slow machine is slow for all of them.
    assert max(ahead) < 500
    received = warehouse.execute("select sum(times_received) as posts from ops.webhook_events").fetchone()
    assert received == {"posts": 8_000}
    assert receiver.post(event(1)).status_code == 200


def test_trouble_is_logged_without_what_was_delivered(
    receiver: Receiver, warehouse: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    # PostgreSQL's own words about a row that it refuses quote the row.
    warehouse.execute("alter table ops.webhook_events add constraint nothing check (object_id is null) not valid")
    body = {"object": "reservation", "data": {"id": 1, "guestName": "Zoë Quark"}}
    assert receiver.post(body).status_code == 503
    written = capsys.readouterr()
    assert "webhook_not_received" in written.out
    assert "CheckViolation" in written.out
    assert "Quark" not in written.out + written.err
    assert receiver.password not in written.out + written.err
