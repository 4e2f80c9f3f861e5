"""Any interleaving of changes, messages and polls: nothing is missed, or the next list notices it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polling_harness import ACCOUNT, Polling

pytestmark = pytest.mark.integration

_ACTIONS = ["update", "insert", "delete", "guest writes", "host writes", "silent message", "pause", "poll"]
_STEPS = st.lists(st.tuples(st.sampled_from(_ACTIONS), st.integers(0, 7)), min_size=2, max_size=14)


def act(polling: Polling, action: str, pick: int) -> None:
    """One step. Few rows are chosen from, so that things happen to the same ones again and again."""
    control: Any = polling.control
    if action == "pause":
        polling.pause(pick)
    elif action == "poll":
        polling.poll()
    elif action == "insert":
        created = control.create("reservations", {}, account_id=ACCOUNT, emit=False)
        control.create("conversations", {"reservationId": created["id"]}, account_id=ACCOUNT, emit=False)
    else:
        thread = polling.threads()[pick]
        if action == "update":
            control.patch("reservations", thread["reservationId"], {"hostNote": str(pick)}, account_id=ACCOUNT)
        elif action == "delete":
            control.delete("reservations", thread["reservationId"], account_id=ACCOUNT)
        else:
            polling.write(thread["id"], incoming=action != "host writes", bump=action != "silent message")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_nothing_is_missed_or_the_next_list_notices_it(polling: Polling, steps: list[tuple[str, int]]) -> None:
    for action, pick in steps:
        act(polling, action, pick)
    polling.pause()
    polling.poll()
    late = polling.sees_all()
    polling.pause()
    polling.sync()
    assert polling.sees_all() == set()
    if late:
        assert polling.state()["method"] == "list", late
    # The next example begins with heads that are believed again.
    polling.warehouse.execute(
        "update ops.polls set method = 'heads', reason = null, list_until = null, listed_at = null"
    )
    polling.poll()
    polling.pause()
