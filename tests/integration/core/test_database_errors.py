"""An error of PostgreSQL quotes no row: it ends up in the logs of tasks."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import psycopg
import pytest

from sync_hostaway.core.db import Connection

pytestmark = pytest.mark.integration
MARKER = "planted-marker"


def _copy(connection: Connection) -> None:
    with connection.cursor().copy("copy t (id, name) from stdin") as copy:
        copy.write(f"1\t{MARKER}\nx{MARKER}\t\\N\n")


def _deferred(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("insert into d values (%s), (%s)", [MARKER, MARKER])


def _many(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (1, %s)", [[MARKER], [MARKER]])


@pytest.mark.parametrize(
    "fail",
    [
        lambda connection: connection.execute("insert into t values (null, %s)", [MARKER]),
        lambda connection: connection.execute("insert into t values (-1, %s)", [MARKER]),
        lambda connection: connection.execute("insert into t select 5, %s from generate_series(1, 2)", [MARKER]),
        lambda connection: connection.execute("select %s::date", [MARKER]),
        lambda connection: connection.execute("select %s::jsonb", ["{" + MARKER]),
        _copy,
        _deferred,
        _many,
    ],
)
def test_no_error_quotes_a_value(warehouse: Connection, fail: Callable[[Connection], object]) -> None:
    warehouse.execute("create temp table t (id int primary key check (id > 0), name text)")
    warehouse.execute("create temp table d (name text unique deferrable initially deferred)")
    with pytest.raises(psycopg.Error) as caught:
        fail(warehouse)
    told = str(caught.value) + "".join(traceback.format_exception_only(caught.value))
    assert MARKER not in told
    assert "t" in str(caught.value), "it still says what is wrong"
