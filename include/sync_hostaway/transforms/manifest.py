"""What the parsed dbt project has about its models: the resources they read, their tables, their lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from sync_hostaway.transforms.invocation import parsed_manifest
from sync_hostaway.transforms.lists import ListTable


def contract_columns(project_dir: Path, environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Table with its schema, column and type of every column of the incremental models' contracts.

    :raises TransformFailed: when the project does not parse.
    """
    return [
        (f"{node.schema}.{node.name}", name, column.data_type)
        for node in parsed_manifest(project_dir, environment).nodes.values()
        if node.resource_type == "model" and node.config.materialized == "incremental"
        for name, column in node.columns.items()
    ]


def models_reading(project_dir: Path, environment: Mapping[str, str], resources: Collection[str]) -> list[str]:
    """The incremental models that read the landing tables of these resources, directly or through views.

    Tables between a model and a resource do not count: a model changes rows only if its own resource has new ones. A
    view in which a model only looks up values (`meta: {is_lookup: true}`) does not count either.

    :raises TransformFailed: when the project does not parse.
    """
    manifest = parsed_manifest(project_dir, environment)

    def landing(node_id: str) -> Iterator[str]:
        for parent_id in manifest.nodes[node_id].depends_on.nodes:
            source = manifest.sources.get(parent_id)
            if source:
                yield source.name if source.source_name == "landing" else ""
                continue
            config = manifest.nodes[parent_id].config
            if config.materialized in ("view", "ephemeral") and not config.meta.get("is_lookup"):
                yield from landing(parent_id)

    return sorted(
        node.name
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        and node.config.materialized == "incremental"
        and not set(resources).isdisjoint(landing(node.unique_id))
    )


def mart_tables(project_dir: Path, environment: Mapping[str, str]) -> list[str]:
    """The marts that are tables: views need no build when rows change.

    :raises TransformFailed: when the project does not parse.
    """
    return sorted(
        node.name
        for node in parsed_manifest(project_dir, environment).nodes.values()
        if node.resource_type == "model" and node.schema == "marts" and node.config.materialized == "incremental"
    )


def relations_showing(project_dir: Path, environment: Mapping[str, str], changed: Collection[str]) -> list[str]:
    """Core tables and marts whose rows depend on changed tables, as `schema.name`.

    :param changed: names of models that are tables.
    :raises TransformFailed: when the project does not parse.
    """
    manifest = parsed_manifest(project_dir, environment)

    def shows_change(node_id: str) -> bool:
        node = manifest.nodes.get(node_id)
        if node is None:
            return False
        if node.config.materialized == "incremental":
            return node.name in changed
        return any(shows_change(parent) for parent in node.depends_on_nodes)

    return sorted(
        f"{node.schema}.{node.name}"
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.schema in ("hostaway", "marts") and shows_change(node.unique_id)
    )


def list_tables(project_dir: Path, environment: Mapping[str, str], names: Collection[str]) -> list[ListTable]:
    """The models among these that are built from lists (`meta: {lists: …, parent: …}`).

    :raises TransformFailed: when the project does not parse.
    """
    return [
        ListTable(node.name, meta["parent"]["resource"], meta["parent"]["id"], tuple(meta["lists"]))
        for node in parsed_manifest(project_dir, environment).nodes.values()
        if node.resource_type == "model" and node.name in names
        for meta in [node.config.meta]
        if "lists" in meta
    ]
