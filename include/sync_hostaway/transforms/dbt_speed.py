"""Avoids slow or repeated work of dbt, which was half of the time of a transform of one row.

Functions of dbt are replaced here by functions with the same result; only the order in which dbt builds models that do
not wait for each other differs. They are not part of dbt's public interface:
requirements.txt names one version of dbt, and a test fails if dbt repeats the work again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any

import jinja2
from dbt.adapters.base.column import Column
from dbt.adapters.postgres import PostgresAdapter
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import InjectedCTE
from dbt.graph.queue import GraphQueue
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients.jinja import MacroFuzzEnvironment, NativeSandboxEnvironment, get_environment

from dbt import compilation
from sync_hostaway.transforms.invocation import DSN_VARIABLE

_inject_ctes = compilation.inject_ctes_into_sql
# Macros that dbt calls by their names: the materialization, and the lists of what is in the database.
_MACROS_OF_A_RUN = (
    "materialization_incremental_postgres",
    "list_schemas",
    "list_relations_without_caching",
    "get_relations",
)
_START = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:(?P<with>with(?:\s+recursive)?)|select)\b", re.IGNORECASE | re.DOTALL
)
_compile_template = MacroFuzzEnvironment.compile
_column_schema = PostgresAdapter.get_column_schema_from_query
# Per connection string and query: the SQL of a model is the same at each invocation.
_column_schemas: dict[tuple[str, str], list[Column]] = {}


def install() -> None:
    """Make dbt do this work only once in this process."""
    # dbt parses all SQL of a model to find the position of its ephemeral models, which is at the start.
    compilation.inject_ctes_into_sql = inject_ctes
    # For a file with the types of all nodes, dbt converts each node to a dictionary.
    compilation.Linker.get_graph_summary = _graph_summary
    # For the text of a warning, dbt inspects the whole stack for each behaviour flag of the adapter. An invocation adds
    # one flag to their list, so that the next one takes longer.
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters")  # type: ignore[method-assign]  # on purpose
    # dbt compiles the template of each model.
    MacroFuzzEnvironment.compile = _compile_template_once  # type: ignore[assignment]  # it has overloads
    # To check a contract, PostgreSQL plans the query of the model, and then plans it again to run it.
    PostgresAdapter.get_column_schema_from_query = _column_schema_once
    # Of the models that can be built, dbt takes the first in the alphabet. `reservations` would be among the last.
    GraphQueue._get_scores = staticmethod(priorities)


def compile_templates(manifest: Manifest) -> None:
    """Compile the templates that a transform of a few rows uses, for forks of this process."""
    models = [node for node in manifest.nodes.values() if node.config.materialized in ("incremental", "ephemeral")]
    waiting = {name for node in models for name in node.depends_on_macros}
    waiting |= {name for name, macro in manifest.macros.items() if macro.name.endswith(_MACROS_OF_A_RUN)}
    macros: set[str] = set()
    while waiting:
        macros |= waiting
        waiting = {used for name in waiting for used in manifest.macros[name].depends_on.macros} - macros
    hooks = [hook.sql for node in models for hook in node.config.post_hook]
    for source in (*(manifest.macros[name].macro_sql for name in macros), *(node.raw_code for node in models), *hooks):
        _compiled(source, native=False)


def inject_ctes(sql: str, ctes: Sequence[InjectedCTE]) -> str:
    """The SQL of a model with its ephemeral models before its own CTEs, as `dbt.compilation.inject_ctes_into_sql`."""
    start = _START.match(sql)
    if not ctes or start is None:
        return str(_inject_ctes(sql, list(ctes)))
    added = ", ".join(cte.sql for cte in ctes)
    return f"{sql[: start.end()]}{added}, {sql[start.end() :]}" if start["with"] else f"with{added} {sql}"


def priorities(graph: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """The priority of each node for dbt's threads: the lowest number, which is first, if most others wait for it.

    :param graph: for each node the nodes that read it.
    """
    waiting: dict[str, set[str]] = {}
    for node in TopologicalSorter({node: list(graph[node]) for node in graph}).static_order():
        waiting[node] = set(graph[node]).union(*(waiting[reader] for reader in graph[node]))
    return {node: -len(others) for node, others in waiting.items()}


def _compile_template_once(environment: jinja2.Environment, source: Any, *args: Any, **options: Any) -> Any:
    if args or options or not isinstance(source, str):
        return _compile_template(environment, source, *args, **options)
    return _compiled(source, native=isinstance(environment, NativeSandboxEnvironment))


@lru_cache(maxsize=512)
def _compiled(source: str, *, native: bool) -> Any:
    """The code of a template; `native`: of a value in a YAML file, which keeps its type."""
    # The environments of two nodes only differ in how they report an unknown name, which is not part of the code.
    return _compile_template(get_environment(native=native), source)


def _column_schema_once(adapter: PostgresAdapter, sql: str) -> list[Column]:
    database = os.environ.get(DSN_VARIABLE)
    columns = _column_schemas.get((database, sql)) if database else None
    if columns is None:
        columns = _column_schema(adapter, sql)
        if database:
            _column_schemas[database, sql] = columns
    return list(columns)


def _graph_summary(linker: compilation.Linker, manifest: Manifest) -> dict[int, dict[str, Any]]:
    numbers = {name: number for number, name in enumerate(linker.graph)}
    summary: dict[int, dict[str, Any]] = {}
    for name, number in numbers.items():
        summary[number] = {"name": name, "type": str(manifest.expect(name).resource_type)}
        if successors := [numbers[successor] for successor in linker.graph.successors(name)]:
            summary[number]["succ"] = successors
    return summary
