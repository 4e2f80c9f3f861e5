"""Any interleaving of changes, messages and polls: nothing is missed, or the next list notices it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polling_harness import ACCOUNT, Polling

pytestmark = pytest.mark.integration

_ACTIONS = [
    "update",
    "update many",
    "insert",
    "delete",
    "guest writes",
    "host writes",
    "silent message",
    "pause",
    "poll",
    "heads are read anew",
]
_STEPS = st.lists(st.tuples(st.sampled_from(_ACTIONS), st.integers(0, 7)), min_size=2, max_size=14)


def act(polling: Polling, action: str, pick: int) -> None:
    """One step. Few rows are chosen from, so that things happen to the same ones again and again."""
    control: Any = polling.control
    if action == "pause":
        polling.pause(pick)
    elif action == "poll":
        polling.poll()
    elif action == "heads are read anew":
        # As after a week without them. Until then, they show a second message within the second of the first one.
        polling.pause(3)
        polling.poll()
        polling.warehouse.execute("delete from ops.heads")
    elif action == "update many":
        control.touch("reservations", 8 * pick, account_id=ACCOUNT)
    elif action == "insert":
        created = control.create("reservations", {}, account_id=ACCOUNT, emit=False)
        control.create("conversations", {"reservationId": created["id"]}, account_id=ACCOUNT, emit=False)
    else:
        threads = polling.threads()
        thread = threads[pick % len(threads)]
        if action == "update":
            control.patch("reservations", thread["reservationId"], {"hostNote": str(pick)}, account_id=ACCOUNT)
        elif action == "delete":
            control.delete("reservations", thread["reservationId"], account_id=ACCOUNT)
        else:
            polling.write(thread["id"], incoming=action != "host writes", bump=action != "silent message")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_nothing_is_missed_or_the_next_list_notices_it(mirrored: Polling, steps: list[tuple[str, int]]) -> None:
    for action, pick in steps:
        act(mirrored, action, pick)
    mirrored.pause()
    mirrored.poll()
    late = mirrored.sees_all()
    mirrored.pause()
    mirrored.sync()
    assert mirrored.sees_all() == set()
    if late:
        assert mirrored.state()["method"] == "list", late
    # The next example begins with heads that are believed again.
    mirrored.warehouse.execute(
        "update ops.polls set method = 'heads', reason = null, list_until = null, listed_at = null"
    )
    mirrored.poll()
    mirrored.pause()
