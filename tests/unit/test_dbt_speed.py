"""Where we replace a function of dbt, the result is the same."""

from __future__ import annotations

import pytest
import sqlparse
from dbt.compilation import inject_ctes_into_sql
from dbt.contracts.graph.nodes import InjectedCTE

from sync_hostaway.transforms.dbt_speed import inject_ctes, priorities

CTES = [InjectedCTE(id=name, sql=f" __dbt__cte__{name} as (\nselect 1\n)") for name in ("one", "two")]


@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1) select * from a",
        "\n\nWITH\n\na as (select 1) select * from a",
        "with recursive a as (select 1) select * from a",
        "-- with\nwith a as (select 1) select * from a",
        "/* select */ with a as (select 1) select * from a",
        "select * from __dbt__cte__one",
        "\n  select 1 as with_something",
        "-- select\nselect (with a as (select 1) select * from a)",
        "(select 1) union all (select 2)",
        "values (1)",
        "/* a /* nested */ comment */ with a as (select 1) select * from a",
    ],
)
@pytest.mark.parametrize("ctes", [CTES, CTES[:1], []])
def test_ephemeral_models_are_inserted_as_by_dbt(sql: str, ctes: list[InjectedCTE]) -> None:
    def words(text: str) -> list[str]:
        return sqlparse.format(text, strip_comments=True).split()

    assert words(inject_ctes(sql, ctes)) == words(inject_ctes_into_sql(sql, ctes))


def test_the_model_that_most_others_wait_for_is_built_first() -> None:
    waits = {"guests": ["fees", "reservations"], "reservations": ["nights"], "nights": ["pace"]}
    readers = {"alone": [], "fees": [], "pace": [], **waits}
    order = sorted(readers, key=lambda name: (priorities(readers)[name], name))
    assert order == ["guests", "reservations", "nights", "alone", "fees", "pace"]
