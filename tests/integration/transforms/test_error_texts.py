"""The error of a model names the cause and the file, not the SQL: alerts, pages and logs show it."""

from __future__ import annotations

import psycopg
import pytest

from sync_hostaway.transforms.invocation import short_error

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("create view v as select secret_text from nothing.here", 'relation "nothing.here" does not exist'),
        ("select 'secret_text'::integer", 'invalid input syntax for type integer: "secret_text"'),
    ],
)
def test_an_error_in_a_function_is_shown_without_the_statement(warehouse_dsn: str, statement: str, cause: str) -> None:
    block = f"do $$ begin execute $query$ {statement} /* {'long ' * 1000} */ $query$; end $$"
    with psycopg.connect(warehouse_dsn) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(block.encode())
    given = (
        f"Database Error in model m\n  {str(raised.value).replace(chr(10), chr(10) + '  ')}\n  compiled code at m.sql"
    )
    assert "QUERY:" in given
    shown = short_error(given)
    assert shown is not None
    assert cause in shown
    assert shown.endswith("compiled code at m.sql")
    assert not [word for word in ("QUERY", "CONTEXT", "PL/pgSQL") if word in shown]
    # PostgreSQL shows the part of the line where the error is.
    assert len(shown) < 300


def test_a_row_is_not_quoted(warehouse_dsn: str) -> None:
    with psycopg.connect(warehouse_dsn) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(
            "create table t (id integer primary key, name text not null); insert into t values (7, null)"
        )
    assert "(7, null)" in str(raised.value)
    assert "(7, null)" not in str(short_error(str(raised.value)))
