"""What is removed after its retention, what never is, and that removing locks nothing for long."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.migrations import sql_files
from sync_hostaway.migrations.objects import created_objects
from sync_hostaway.privacy import retention
from sync_hostaway.privacy.retention import RULES, apply_retention

pytestmark = pytest.mark.integration

OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
SETTINGS = (
    "WEBHOOK_RETENTION_DAYS",
    "QUARANTINE_RETENTION_DAYS",
    "CHECKPOINT_RETENTION_DAYS",
    "SYNC_LOG_RETENTION_DAYS",
    "ALERT_RETENTION_DAYS",
    "CALENDAR_HISTORY_RETENTION_DAYS",
    "DELETED_PAYLOAD_RETENTION_DAYS",
)
Keep = Callable[..., None]


@pytest.fixture
def harness(warehouse: Connection, warehouse_dsn: str) -> LandingHarness:
    return LandingHarness(warehouse, warehouse_dsn)


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Keep:
    """Sets retentions by name."""

    def set_to(value: object, *names: str) -> None:
        for name in names:
            monkeypatch.setenv(f"AIRFLOW__HOSTAWAY__{name}", str(value))
        get_settings.cache_clear()

    return set_to


def runs(harness: LandingHarness, *rows: tuple[str, str, str, int, str | None]) -> None:
    """Syncs of account 1: run key, mode, status, days ago, since."""
    for key, mode, status, days, since in rows:
        harness.connection.execute(
            """
            insert into ops.sync_runs (account_id, run_key, resource, mode, status, since, started_at, finished_at)
            select 1, %s, 'reservations', %s, %s, %s, ended - interval '1 minute', ended
            from (select now() - make_interval(days => %s) as ended)
            """,
            (key, mode, status, since, days),
        )


def test_syncs_are_removed_but_not_the_last_of_each_kind(harness: LandingHarness) -> None:
    runs(
        harness,
        ("old full", "full", "complete", 900, None),
        ("last full", "full", "complete", 800, None),
        ("some since", "full", "complete", 700, "2024-01-01"),
        ("failed full", "full", "failed", 650, None),
        ("old", "incremental", "complete_after_retry", 600, None),
        ("last", "incremental", "complete_after_retry", 500, None),
        ("old failed", "incremental", "failed", 490, None),
        ("last failed", "incremental", "failed", 480, None),
        ("delta", "delta", "complete", 31, None),
        ("young delta", "delta", "complete", 29, None),
    )
    harness.connection.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode, status, started_at, finished_at)"
        " values (2, 'of another', 'reservations', 'full', 'complete', now() - interval '900 days',"
        " now() - interval '900 days')"
    )
    counts = apply_retention(harness.connection)
    assert (counts["syncs"], counts["deltas"]) == (3, 1)
    assert {key for (key,) in harness.rows("select run_key from ops.sync_runs")} == {
        "last full",
        "some since",
        "failed full",
        "last",
        "last failed",
        "young delta",
        "of another",
    }

    runs(harness, ("new full", "full", "complete", 1, None), ("new", "incremental", "complete", 1, None))
    runs(harness, ("within the year", "incremental", "failed", 399, None))
    apply_retention(harness.connection)
    assert {key for (key,) in harness.rows("select run_key from ops.sync_runs where account_id = 1")} == {
        "new full",
        "new",
        "within the year",
        "young delta",
    }


# One entry of each kind that is `%(days)s` days old. Where two rows are needed, the second one stays.
ENTRIES = {
    "webhook_events": """
        insert into ops.webhook_events (account_id, content_hash, state, received_at, finished_at)
        values (1, sha256(random()::text::bytea), 'done', now() - make_interval(days => %(days)s), now())
    """,
    "webhook_bodies": """
        insert into ops.webhook_events (account_id, content_hash, state, received_at, body)
        values (1, sha256(random()::text::bytea), 'pending', now() - make_interval(days => %(days)s), 'body')
    """,
    "sent_messages": """
        insert into ops.outbox (
            account_id, idempotency_key, request_hash, reservation_id, conversation_id, channel_type, body, state,
            message_id, settled_at
        )
        values (
            1, random()::text, sha256('x'), 1, 1, 'email', '', 'sent', (random() * 1e9)::bigint,
            now() - make_interval(days => %(days)s)
        )
    """,
    "settled_quarantine": """
        insert into ops.quarantine (account_id, resource, severity, reason, payload, payload_hash, resolved_at)
        values (
            1, 'reservations', 'rejected', 'id', '{}', sha256(random()::text::bytea),
            now() - make_interval(days => %(days)s)
        )
    """,
    "checkpoints": """
        with begun as (
            insert into ops.sync_reads (account_id, resource, plan, run_key, continued_at)
            values (1, random()::text, 'x', 'x', now() - make_interval(days => %(days)s)) returning account_id, resource
        )
        select 1 from begun
    """,
    "account_days": """
        insert into ops.account_days (account_id, day)
        select 1, coalesce(least(min(day), current_date - %(days)s) - 1, current_date - %(days)s - 1)
        from ops.account_days
    """,
    "account_changes": """
        insert into ops.account_changes (account_id, changed_at, what)
        values (1, now() - make_interval(days => %(days)s), 'state')
    """,
    "loads": """
        with done as (
            insert into ops.transforms (state, started_at, finished_at) values ('succeeded', now(), now())
            returning transform_id
        )
        insert into ops.loads (account_id, resource, transform_id, transformed_at)
        select 1, 'listings', transform_id, now() - make_interval(days => %(days)s) from done
    """,
    "ended_alerts": """
        insert into ops.alerts (kind, severity, summary, remedy, ended_at)
        values (random()::text, 'error', 'x', 'x', now() - make_interval(days => %(days)s))
    """,
    "calendar_versions": """
        insert into landing.calendar_versions (account_id, listing_id, date, superseded_at)
        values (1, (random() * 1e9)::bigint, current_date, now() - make_interval(days => %(days)s))
    """,
}


@pytest.fixture
def account_one(warehouse: Connection) -> Connection:
    warehouse.execute("insert into ops.accounts (account_id) values (1)")
    return warehouse


@pytest.mark.parametrize("kind", ENTRIES)
def test_an_entry_is_removed_after_its_retention_and_not_before(account_one: Connection, keep: Keep, kind: str) -> None:
    keep(40, *SETTINGS)
    limit = 30 if kind == "loads" else 40
    account_one.execute(ENTRIES[kind], {"days": limit - 2})
    assert kind not in apply_retention(account_one)
    account_one.execute(ENTRIES[kind], {"days": limit + 2})
    assert apply_retention(account_one)[kind] == 1
    assert kind not in apply_retention(account_one)


@pytest.mark.parametrize("value", ["0", "keep", "KEEP"])
def test_what_is_to_be_kept_is_kept(account_one: Connection, keep: Keep, value: str) -> None:
    keep(value, *SETTINGS)
    for kind in ENTRIES.keys() - {"loads"}:
        account_one.execute(ENTRIES[kind], {"days": 5_000})
    assert apply_retention(account_one) == {}


def test_keys_of_messages_are_kept_for_thirty_days_at_least(account_one: Connection, keep: Keep) -> None:
    keep(1, *SETTINGS)
    account_one.execute(ENTRIES["sent_messages"], {"days": 29})
    assert "sent_messages" not in apply_retention(account_one)
    account_one.execute(ENTRIES["sent_messages"], {"days": 31})
    assert apply_retention(account_one)["sent_messages"] == 1


def test_what_is_open_stays_however_old_it_is(account_one: Connection) -> None:
    account_one.execute(
        """
        insert into ops.quarantine (account_id, resource, severity, reason, payload, payload_hash, first_seen_at)
        values (1, 'reservations', 'rejected', 'id', '{}', sha256('x'), now() - interval '9 years');
        insert into ops.webhook_events (account_id, content_hash, received_at)
        values (1, sha256('x'), now() - interval '9 years');
        insert into ops.alerts (kind, severity, summary, remedy, began_at)
        values ('disk_full', 'error', 'x', 'x', now() - interval '9 years');
        insert into ops.loads (account_id, resource, landed_at) values (1, 'listings', now() - interval '9 years');
        """
    )
    assert apply_retention(account_one) == {}


def test_a_table_that_inherits_from_ours_keeps_its_rows(account_one: Connection) -> None:
    """Its first row has the same place in its table as the row that is removed has in ours."""
    account_one.execute("create schema mine; create table mine.quarantine () inherits (ops.quarantine)")
    account_one.execute("alter table mine.quarantine alter quarantine_id set default 1")
    for table in ("ops.quarantine", "mine.quarantine"):
        account_one.execute(
            sql.SQL(
                """
                insert into {} (account_id, resource, severity, reason, payload, payload_hash, resolved_at)
                values (1, 'listings', 'rejected', 'x', '{{}}', 'x', now() - interval '400 days')
                """
            ).format(sql.Identifier(*table.split(".")))
        )
    apply_retention(account_one)
    rows = account_one.execute("select tableoid::regclass::text as place from ops.quarantine").fetchall()
    assert [row["place"] for row in rows] == ["mine.quarantine"]


def test_many_entries_are_removed_in_batches_and_a_locked_one_delays_none(
    account_one: Connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 10)
    for _ in range(35):
        account_one.execute(ENTRIES["account_changes"], {"days": 500})
    with connect(warehouse_dsn) as other, other.transaction():
        other.execute("select from ops.account_changes where changed_at < now() - interval '1 year' limit 1 for update")
        account_one.execute("set lock_timeout = '1s'")
        assert apply_retention(account_one)["account_changes"] == 34
    assert apply_retention(account_one)["account_changes"] == 1


def test_a_run_ends_in_time_and_the_next_one_removes_the_others(
    account_one: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 10)
    monkeypatch.setattr(retention, "_LIMIT_SECONDS", 0)
    for _ in range(15):
        account_one.execute(ENTRIES["account_changes"], {"days": 500})
    assert [apply_retention(account_one).get("account_changes", 0) for _ in range(3)] == [10, 5, 0]


def test_payloads_of_deleted_objects_are_reduced_and_their_figures_stay(harness: LandingHarness, keep: Keep) -> None:
    secret = {"guestName": "Ann Example", "guestEmail": "ann@mail.example", "invented": {"phone": "+49 30 1234567"}}
    harness.land("listings", listing(1, wifiPassword="hidden-key"), account=1)
    harness.land("reservations", reservation(7, totalPrice=300, **secret), reservation(8, **secret), account=1)
    harness.land("users", {"id": 3, "email": "staff@mail.example", "firstName": "Sam", "isAdmin": True}, account=1)
    harness.connection.execute("update landing.reservations set payload_hash = 'x'")
    harness.connection.execute("update landing.users set payload_hash = 'x', deleted_at = now() - interval '50 days'")
    harness.connection.execute(
        "update landing.reservations set deleted_at = now() - interval '50 days' where entity_id = '7'"
    )
    harness.transform()
    figures = (
        "select reservation_id, total_price, arrival_date, status, is_deleted from hostaway.reservations order by 1"
    )
    before = harness.rows(figures)
    assert apply_retention(harness.connection) == {}, "payloads are kept unless a retention is set"

    keep(40, "DELETED_PAYLOAD_RETENTION_DAYS")
    assert apply_retention(harness.connection) == {"deleted_payloads": 2}
    assert apply_retention(harness.connection) == {}
    harness.transform()
    assert harness.rows(figures) == before
    names = (
        "select guest_name, pms_meta::text ~ 'Ann|mail.example|1234567' from hostaway.reservations"
        " order by reservation_id"
    )
    assert harness.rows(names) == [(None, False), ("Ann Example", True)]
    assert harness.rows("select email, first_name, is_admin from hostaway.users") == [(None, None, True)]

    # Hostaway sends the object again
    harness.land("reservations", reservation(7, totalPrice=300, **secret), account=1)
    harness.connection.execute("update landing.reservations set payload_hash = 'y' where entity_id = '7'")
    assert apply_retention(harness.connection) == {}
    harness.transform()
    assert harness.rows(names) == [("Ann Example", True)] * 2


def test_the_page_names_every_table_that_grows_and_every_setting() -> None:
    """A table that a migration adds has to be in the section, with its retention or with the reason why it is kept."""
    section = OPERATIONS.read_text(encoding="utf-8").partition("## Retention")[2].partition("\n## ")[0]
    created = [found for file in sql_files() for found in created_objects(file)]
    tables = {f"{schema}.{name}" for kind, schema, name in created if kind == "table"}
    named = set(re.findall(r"`((?:ops|landing)\.\w+)`", section))
    assert named == tables
    settings = {name for name in type(get_settings()).model_fields if name.endswith("_retention_days")}
    assert set(re.findall(r"`(\w+_RETENTION_DAYS)`", section)) == {name.upper() for name in settings} == set(SETTINGS)


def test_every_rule_has_a_test() -> None:
    of_syncs: set[Any] = {"syncs", "deltas", "transforms"}
    assert {rule.name for rule in RULES} == ENTRIES.keys() | of_syncs
