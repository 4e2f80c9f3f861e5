"""The layers of the dbt project, and what every layer promises to its readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync_hostaway.transforms import find_project
from sync_hostaway.transforms.invocation import parse

MODELS = find_project() / "models"
# What a layer may read: itself, and the layers before it.
LAYERS = ["staging", "intermediate", "core", "marts", "status", "ledger"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    outcome = parse(find_project(), tmp_path_factory.mktemp("parsed"))
    assert outcome.success, outcome.error
    return outcome.value


def models_of(manifest: Any) -> Iterator[Any]:
    return (node for node in manifest.nodes.values() if node.resource_type == "model")


def layer(node: Any) -> str:
    return str(node.fqn[1])


def backward_arrows(manifest: Any) -> list[str]:
    return [
        f"{node.name} reads {parent.name}"
        for node in models_of(manifest)
        for parent in map(manifest.nodes.get, node.depends_on.nodes)
        if parent and parent.resource_type == "model" and LAYERS.index(layer(parent)) > LAYERS.index(layer(node))
    ]


def test_arrows_between_layers_point_forward(manifest: Any) -> None:
    assert {layer(node) for node in models_of(manifest)} == set(LAYERS)
    assert backward_arrows(manifest) == []


def test_staging_alone_reads_landing_and_a_mart_reads_no_staging(manifest: Any) -> None:
    readers = {
        node.name: {
            layer(parent)
            for parent in map(manifest.nodes.get, node.depends_on.nodes)
            if parent and parent.resource_type == "model"
        }
        for node in models_of(manifest)
        if layer(node) == "marts"
    }
    assert all("staging" not in layers for layers in readers.values()), readers


def test_every_cte_of_a_model_is_written_in_the_model() -> None:
    """A name after `from` or `join` is a relation that a macro gives, or a CTE that the file defines."""
    unknown = {}
    for file in sorted(MODELS.rglob("*.sql")):
        text = re.sub(r"\{#.*?#\}|--[^\n]*", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"extract\([^)]*\)|is distinct\s+from\s*\(?|substring\([^)]*\)", "", text)
        defined = set(re.findall(r"([a-z_][\w{} ]*?)(?: \([\w, ]+\))? as (?:not )?(?:materialized )?\(", text))
        read = set(re.findall(r"\b(?:from|join) ([a-z_][\w.]*)(?![\w.]*\()", text))
        names = {name for name in read if name not in defined and "." not in name and name not in ("lateral", "only")}
        templated = {re.sub(r"\{\{ \w+ \}\}", "", name) for name in defined if "{{" in name}
        left = {name for name in names if not any(part and part in name for part in templated)}
        if left:
            unknown[file.name] = left
    assert unknown == {}


def test_a_model_file_is_short_or_says_why_it_is_long() -> None:
    for file in sorted(MODELS.rglob("*.sql")):
        text = file.read_text(encoding="utf-8")
        assert text.count("\n") <= 150 or text.startswith("{#"), f"{file.name} has {text.count(chr(10))} lines"


def test_every_model_and_column_of_core_and_marts_is_described(manifest: Any) -> None:
    bare = [
        f"{node.name}.{column.name}"
        for node in models_of(manifest)
        if layer(node) in ("core", "marts")
        for column in node.columns.values()
        if not column.description.strip()
    ]
    assert bare == []
    assert [node.name for node in models_of(manifest) if not node.description.strip()] == []


def test_a_unit_test_is_in_the_file_of_its_model(manifest: Any) -> None:
    for unit_test in manifest.unit_tests.values():
        assert Path(unit_test.original_file_path).stem.strip("_") == unit_test.model


def test_every_landing_table_says_how_fresh_it_has_to_be(manifest: Any) -> None:
    for source in manifest.sources.values():
        # A person imports transcripts and requests logs; no schedule reads them.
        if source.source_name == "landing" and source.name not in ("transcripts", "reservation_logs"):
            assert source.freshness.warn_after.count, source.name
            assert source.loaded_at_query, source.name


def test_a_text_that_several_columns_have_is_a_doc_block() -> None:
    texts: dict[tuple[str, str], list[str]] = {}
    for file in sorted(MODELS.rglob("*.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", []):
            for column in model.get("columns", []):
                if "doc(" not in column["description"]:
                    texts.setdefault((column["name"], column["description"]), []).append(model["name"])
    assert {key: models for key, models in texts.items() if len(models) > 2} == {}
