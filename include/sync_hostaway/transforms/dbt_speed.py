"""Avoids work that dbt repeats at each invocation. It was a third of the time of a transform of one row.

Functions of dbt are replaced here by functions with the same result. They are not part of dbt's public interface:
requirements.txt names one version of dbt, and a test fails if dbt repeats the work again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import InjectedCTE
from dbt_common.behavior_flags import BehaviorFlagRendered

from dbt import compilation

_inject_ctes = compilation.inject_ctes_into_sql


def install() -> None:
    """Make dbt do this work only once in this process."""
    # dbt parses all SQL of a model to find the position of its ephemeral models. The same SQL has the same result.
    compilation.inject_ctes_into_sql = _inject_ctes_once
    # For a file with the types of all nodes, dbt makes a dictionary of everything that it knows of each node.
    compilation.Linker.get_graph_summary = _graph_summary
    # For the text of a warning, dbt inspects the whole stack for each behaviour flag of the adapter. An invocation adds
    # one flag to their list, so that the next one takes longer.
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters")  # type: ignore[method-assign]  # on purpose


def _inject_ctes_once(sql: str, ctes: Sequence[InjectedCTE]) -> str:
    return _injected(sql, tuple((cte.id, cte.sql) for cte in ctes))


@lru_cache(maxsize=32)
def _injected(sql: str, ctes: tuple[tuple[str, str], ...]) -> str:
    injected: str = _inject_ctes(sql, [InjectedCTE(id=name, sql=text) for name, text in ctes])
    return injected


def _graph_summary(linker: compilation.Linker, manifest: Manifest) -> dict[int, dict[str, Any]]:
    numbers = {name: number for number, name in enumerate(linker.graph)}
    summary: dict[int, dict[str, Any]] = {}
    for name, number in numbers.items():
        summary[number] = {"name": name, "type": str(manifest.expect(name).resource_type)}
        if successors := [numbers[successor] for successor in linker.graph.successors(name)]:
            summary[number]["succ"] = successors
    return summary
