"""A dbt project of an analyst on top of ours, and what it may rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.core.exceptions import ConfigurationError, TransformFailed
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import build_own_project, find_project

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "analytics_project"


def columns(file: Path, key: str) -> dict[str, dict[str, str]]:
    """Table, column and type, as a YAML file of dbt says."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    tables = content["models"] if key == "models" else [table for table in content[key] for table in table["tables"]]
    return {
        table["name"]: {column["name"]: column["data_type"] for column in table.get("columns", [])} for table in tables
    }


def test_what_was_promised_to_stay_is_there() -> None:
    promised = columns(EXAMPLE / "models" / "sources.yml", "sources")
    models = find_project() / "models"
    built: dict[str, dict[str, str]] = {}
    for folder in ("marts", "core"):
        for file in (models / folder).rglob("*.yml"):
            if "models" in yaml.safe_load(file.read_text(encoding="utf-8")):
                built |= columns(file, "models")
    assert promised.keys() <= built.keys()
    assert {"listing_nights", "listing_performance", "reservations"} <= promised.keys()
    lost = {
        (table, column)
        for table, promise in promised.items()
        for column, data_type in promise.items()
        if built[table].get(column) != data_type
    }
    assert lost == set()


@pytest.fixture
def own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "mine"
    (project / "models").mkdir(parents=True)
    for file in EXAMPLE.rglob("*"):
        if file.is_file():
            (project / file.relative_to(EXAMPLE)).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT", str(project))
    get_settings.cache_clear()
    return project


def test_models_of_an_analyst_are_built_and_tested_beside_ours(harness: LandingHarness, own_project: Path) -> None:
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10, totalPrice=300, currency="EUR"))
    harness.transform()
    assert {run.name for run in build_own_project(harness.dsn)} >= {"house_years"}
    years = "select year, booked_nights::int, gross_revenue::int from analytics.house_years"
    assert harness.rows(years) == [(2026, 3, 300)]
    # our build continues beside it, with objects of others on top
    harness.land("reservations", reservation(10, totalPrice=600, currency="EUR"))
    harness.transform()
    harness.transform(full_refresh=True)
    assert harness.rows(years) == [(2026, 3, 600)]


def test_a_model_of_an_analyst_that_fails_is_named(harness: LandingHarness, own_project: Path) -> None:
    harness.transform()
    (own_project / "models" / "broken.sql").write_text("select missing from {{ source('marts', 'pickup') }}")
    with pytest.raises(TransformFailed, match="broken"):
        build_own_project(harness.dsn)


def test_a_folder_without_a_project_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__ANALYTICS_PROJECT", str(tmp_path))
    get_settings.cache_clear()
    with pytest.raises(ConfigurationError, match="has no dbt_project"):
        build_own_project()


def test_relations_that_show_other_rows_are_named(harness: LandingHarness) -> None:
    harness.transform()
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10))
    # by a webhook event, before the transform that builds the marts
    assert harness.transform(marts=False).changed_relations == []
    changed = harness.transform().changed_relations
    assert {"hostaway.reservations", "marts.listing_nights", "marts.listing_performance"} <= set(changed)
    assert {"hostaway.messages", "marts.message_response"}.isdisjoint(changed)
    assert harness.transform().changed_relations == []
