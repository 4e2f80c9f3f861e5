"""Every place that must know a resource is named where it was forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.engine import SYNC_FUNCTIONS
from sync_hostaway.hostaway import endpoints
from sync_hostaway.landing.fields import FIELDS
from sync_hostaway.migrations import sql_files
from sync_hostaway.migrations.objects import created_objects

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "dbt_project" / "models"
HOW_TO = "see docs/contributing/add-a-resource.md"
# Their own syncs prove that a row is deleted: by its parent, or by the path of the statement.
VERIFIED_OTHERWISE = {
    Resource.CALENDAR_DAYS,
    Resource.RESERVATION_FINANCE,
    Resource.OWNER_STATEMENTS,
    Resource.RESERVATION_LOGS,
}


def text(*path: str) -> str:
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


@pytest.mark.parametrize("resource", Resource)
def test_no_place_forgets_a_resource(resource: Resource) -> None:
    tables = {(schema, name) for file in sql_files() for kind, schema, name in created_objects(file) if kind == "table"}
    sources = yaml.safe_load((MODELS / "staging" / "__sources.yml").read_text(encoding="utf-8"))["sources"]
    landing = {table["name"] for source in sources if source["name"] == "landing" for table in source["tables"]}
    secrets = text("dbt_project", "tests", "no_secret_in_core.sql")
    verifies = endpoints.single_object_path(resource, "1", 1) or endpoints.LIST_PATHS.get(resource)
    spoken = resource.value.replace("_", " ")
    known = {
        "extract/engine.py: its function in SYNC_FUNCTIONS": resource in SYNC_FUNCTIONS,
        "hostaway/endpoints.py: the path of one object in _SINGLE, or its list in LIST_PATHS": (
            verifies is not None or resource in VERIFIED_OTHERWISE
        ),
        "landing/fields.py: its fields in FIELDS": resource in FIELDS,
        "migrations/versions: a migration that creates its table in landing": ("landing", resource.value) in tables,
        "models/staging/__sources.yml: its table in the source landing": resource.value in landing,
        **{
            f"models/{file}": (MODELS / file).is_file()
            for file in (
                f"staging/stg_{resource}.sql",
                f"staging/stg_{resource}.yml",
                f"core/{resource}.sql",
                f"core/{resource}.yml",
            )
        },
        "models/overview.md: its table": f"[{resource}]" in text("dbt_project", "models", "overview.md"),
        "tests/no_secret_in_core.sql: its table": f'"{resource}"' in secrets,
        "docs/sync.md: what a sync reads": bool(re.search(rf"^\| [^|]*\b{spoken}\b", text("docs", "sync.md"), re.M)),
    }
    forgotten = [place for place, knows in known.items() if not knows]
    assert not forgotten, "\n".join([HOW_TO, *forgotten])
