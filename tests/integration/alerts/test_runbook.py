"""The query of the runbook's page on late transforms names the session for which a transform waits."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sync_hostaway.core.db import Connection, connect
from sync_hostaway.transforms.ledger import transform_lock
from waiting import eventually

pytestmark = pytest.mark.integration
RUNBOOK = Path(__file__).resolve().parents[3] / "docs" / "runbook.md"


def query_of(section: str) -> str:
    text = RUNBOOK.read_text(encoding="utf-8").partition(f"## `{section}`")[2].partition("\n## ")[0]
    found = re.search(r"```sql\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def wait_for_transforms(connection: Connection) -> None:
    with transform_lock(connection):
        pass


def read_accounts(connection: Connection) -> None:
    connection.execute("select from ops.accounts")


@pytest.mark.parametrize(
    ("application", "lock", "wait", "state"),
    [
        ("sync-hostaway transform", "select pg_advisory_lock(7402002)", wait_for_transforms, "idle"),
        ("psql", "begin; lock table ops.accounts", read_accounts, "idle in transaction"),
    ],
    ids=["another transform", "a transaction that was not committed"],
)
def test_the_query_names_the_holder_of_the_lock_and_terminating_it_frees_the_transform(
    warehouse: Connection,
    warehouse_dsn: str,
    application: str,
    lock: str,
    wait: Callable[[Connection], None],
    state: str,
) -> None:
    query = query_of("transform_late")
    assert warehouse.execute(query).fetchall() == []
    with (
        closing(connect(warehouse_dsn, application=application)) as holder,
        connect(warehouse_dsn, application="sync-hostaway transform") as waiting,
    ):
        holder.execute(lock)
        thread = threading.Thread(target=wait, args=(waiting,))
        thread.start()
        eventually(lambda: warehouse.execute(query).fetchall())
        (row,) = warehouse.execute(query).fetchall()
        assert (row["waiting_pid"], row["holder_pid"]) == (waiting.info.backend_pid, holder.info.backend_pid)
        assert (row["holder"], row["holder_state"]) == (application, state)
        warehouse.execute("select pg_terminate_backend(%s)", [row["holder_pid"]])
        thread.join(20)
        assert not thread.is_alive()
