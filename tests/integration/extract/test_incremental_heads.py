"""A second sync of a day reads the heads of large lists: its calls do not grow with the account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import SyncResult, sync_account
from sync_hostaway.simulator import RunningSimulator, SimulatorConfig, Sizes, running

pytestmark = pytest.mark.integration
ACCOUNT = 701


class Large:
    """An account whose lists have many pages: ten rows stand on each."""

    def __init__(self, warehouse: Connection, simulator: RunningSimulator) -> None:
        self.warehouse = warehouse
        self.control = simulator.control

    def sync(self, mode: Mode = Mode.INCREMENTAL) -> list[SyncResult]:
        self.control.reset(only_stats=True)
        results = sync_account(self.warehouse, ACCOUNT, mode)
        assert all(result.is_complete for result in results), results
        return results

    def calls(self, kind: str | None = None) -> int:
        total: int = self.control.stats()["total"]
        return self.control.calls(kind, ACCOUNT) if kind else total

    def threads(self) -> list[int]:
        found: list[int] = self.control.truth(ACCOUNT)["ids"]["conversations"]
        return found

    def write(self, *threads: int) -> set[int]:
        fields = ({"conversationId": thread} for thread in threads)
        return {self.control.create("messages", one, account_id=ACCOUNT, emit=False)["id"] for one in fields}

    def messages(self) -> set[int]:
        rows = self.warehouse.execute("select entity_id from landing.messages where deleted_at is null")
        return {int(row["entity_id"]) for row in rows}

    def tomorrow(self) -> None:
        """Let the last whole lists be of yesterday."""
        self.warehouse.execute("update ops.lists_read set read_at = read_at - interval '1 day'")


@pytest.fixture
def large(warehouse: Connection, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Large]:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "10")
    sizes = Sizes(listings=2, reservations=150, conversations=120, messages_per_conversation=1.5)
    with running(SimulatorConfig(sizes=sizes, token_delay=0.0)) as server:
        monkeypatch.setenv("HOSTAWAY_API_URL", server.url)
        get_settings.cache_clear()
        add_account(warehouse, ACCOUNT, "secret-701")
        large = Large(warehouse, server)
        large.sync(Mode.FULL)
        large.control.advance_clock(3600 * 24)
        yield large


def test_nothing_changed_costs_six_calls_at_most(large: Large) -> None:
    large.sync()
    large.sync()
    assert large.calls("conversations.list") == 0
    assert large.calls() <= 6


def test_a_message_costs_a_call_for_its_conversation_and_one_for_its_messages(large: Large) -> None:
    large.sync()
    new = large.write(large.threads()[100])
    large.sync()
    assert new <= large.messages()
    assert large.calls("conversations.of_reservation") == 1
    assert large.calls("messages.list") == 1
    assert large.calls("conversations.list") == 0


def test_many_messages_cost_one_call_each(large: Large) -> None:
    large.sync()
    new = large.write(*large.threads()[::6])
    large.control.advance_clock(60)
    large.sync()
    assert new <= large.messages()
    assert large.calls("messages.list") == 20
    assert large.calls("conversations.list") + large.calls("conversations.of_reservation") == 0
    large.sync()
    assert large.calls("messages.list") == 0


def test_the_whole_list_is_read_once_a_day_and_proves_the_heads(large: Large) -> None:
    large.sync()
    new = large.write(*large.threads()[::30])
    large.tomorrow()
    large.sync()
    assert new <= large.messages()
    assert large.calls("conversations.list") >= 12
    found = large.warehouse.execute("select method, missed from ops.polls").fetchone()
    assert found == {"method": "heads", "missed": 0}


def test_where_heads_are_not_used_the_list_is_read(large: Large) -> None:
    large.sync()
    large.warehouse.execute("update ops.polls set method = 'list', reason = 'x', list_until = now() + interval '1 day'")
    new = large.write(large.threads()[5])
    large.sync()
    assert new <= large.messages()
    assert large.calls("conversations.list") >= 12


def test_what_moved_is_read_by_the_next_sync_where_this_one_did_not_come_to_it(large: Large) -> None:
    """A killed sync has taken the movement, and noted it: the messages are read by the next one."""
    large.sync()
    new = large.write(*large.threads()[::6])
    large.control.fault("status_5xx", match={"resource": "messages"}, times=0)
    sync_account(large.warehouse, ACCOUNT, Mode.INCREMENTAL)
    large.control.clear_faults()
    assert not new & large.messages()
    large.sync()
    assert new <= large.messages()


def test_more_changes_than_the_heads_show_are_read_by_the_list(large: Large) -> None:
    large.sync()
    large.control.fault("half_page", match={"path": "lastConversation"}, keep=0, times=0)
    new = large.write(large.threads()[7])
    large.sync()
    assert new <= large.messages()
    assert large.calls("conversations.list") >= 12
