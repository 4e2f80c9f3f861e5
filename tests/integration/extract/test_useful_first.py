"""A first sync brings what is asked for most first, and the tables grow while it continues."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sync_hostaway.accounts.registry import client_for
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract import early_transform
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.engine import SYNC_FUNCTIONS, sync_account, sync_resource
from sync_hostaway.polling.plan import make_plan
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration


def test_conversations_with_the_newest_messages_are_read_first(
    warehouse: Connection, simulator: RunningSimulator, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS])
    # After a few conversations, Hostaway answers no more.
    simulator.control.fault("status_5xx", match={"resource": "messages"}, after=15, times=0)
    with client_for(warehouse, account) as client:
        client.settings.__dict__["concurrency"] = 1
        with pytest.raises(Exception, match="could not be read"):
            sync_resource(warehouse, client, Resource.MESSAGES, Mode.FULL, run_key="first")
    rows = warehouse.execute(
        "select conversations.entity_id::bigint in (select parent_id from landing.messages) as is_read,"
        " greatest(payload ->> 'messageSentOn', payload ->> 'messageReceivedOn') as active_on"
        " from landing.conversations order by active_on desc nulls last"
    ).fetchall()
    read = [row["is_read"] for row in rows if row["active_on"]]
    assert read == sorted(read, reverse=True)
    assert 0 < sum(read) < len(read)


def test_nothing_waits_for_all_messages() -> None:
    order = [resource for resource in SYNC_FUNCTIONS if resource in get_settings().resources]
    assert order[-1] is Resource.MESSAGES
    for parent, child in [(Resource.LISTINGS, Resource.CALENDAR_DAYS), (Resource.CONVERSATIONS, Resource.MESSAGES)]:
        assert order.index(parent) < order.index(child)


def test_the_tables_are_built_while_rows_land(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only dbt itself is not run here: `test_refused_resources` does that."""
    asked: list[str] = []
    monkeypatch.setattr(early_transform, "run_transform", lambda **given: asked.append(given["requested_by"]))
    transform = early_transform.transform_while_landing("first", after=0, every=0)
    with client_for(warehouse, account) as client:
        sync_resource(warehouse, client, Resource.RESERVATIONS, Mode.FULL, run_key="first", on_progress=transform)
    assert asked
    assert set(asked) == {"first"}
    later = early_transform.transform_while_landing("later", after=60)
    later(Progress(account, Resource.RESERVATIONS, 1, 1, 1))
    assert set(asked) == {"first"}


def test_the_plan_says_how_much_of_it_is_here(warehouse: Connection, account: int) -> None:
    shares = [make_plan(warehouse).first_syncs[0].share]
    for resource in (Resource.LISTINGS, Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.CALENDAR_DAYS):
        sync_account(warehouse, account, Mode.FULL, [resource])
        shares.append(make_plan(warehouse).first_syncs[0].share)
    assert shares[0] == 0
    assert all(before <= after for before, after in pairwise(shares))
    assert shares[-1] == pytest.approx(2 / 3)
    sync_account(warehouse, account, Mode.FULL, [Resource.MESSAGES])
    assert make_plan(warehouse).first_syncs == []
