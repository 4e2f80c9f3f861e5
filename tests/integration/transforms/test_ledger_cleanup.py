"""What the ledger forgets, and what it never does."""

from __future__ import annotations

import pytest

from landing_harness import LandingHarness
from sync_hostaway.transforms.ledger import clean_up

pytestmark = pytest.mark.integration


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


def test_syncs_are_forgotten_but_not_the_last_of_each_kind(harness: LandingHarness) -> None:
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
    counts = clean_up(harness.connection)
    assert (counts["delete_old_runs"], counts["delete_old_deltas"]) == (3, 1)
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
    clean_up(harness.connection)
    assert {key for (key,) in harness.rows("select run_key from ops.sync_runs where account_id = 1")} == {
        "new full",
        "new",
        "within the year",
        "young delta",
    }


def test_a_row_that_was_settled_is_forgotten_and_one_that_is_open_is_not(harness: LandingHarness) -> None:
    for entity, days in (("open", None), ("settled", 31), ("settled lately", 29)):
        harness.connection.execute(
            """
            insert into ops.quarantine
                (account_id, resource, entity_id, severity, reason, payload, payload_hash, first_seen_at, resolved_at)
            values (1, 'reservations', %s, 'rejected', 'id', '{"guestName": "Ann"}', sha256(%s),
                now() - interval '1 year', now() - make_interval(days => %s))
            """,
            (entity, entity.encode(), days),
        )
    assert clean_up(harness.connection)["delete_settled_quarantine"] == 1
    assert harness.rows("select entity_id from ops.quarantine order by 1") == [("open",), ("settled lately",)]
