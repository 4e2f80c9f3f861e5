"""What dbt leaves behind: the manifest and the documentation, and nothing in this process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from landing_harness import LandingHarness, listing
from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.transforms import build_docs, ensure_manifest, find_project, profile_environment

pytestmark = pytest.mark.integration


def test_the_manifest_is_made_once_even_by_two_processes(home: Path) -> None:
    code = "from sync_hostaway.transforms import ensure_manifest; print(ensure_manifest())"
    environment = {**os.environ, "SYNC_HOSTAWAY_HOME": str(home)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    paths = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(paths) == 1
    manifest = Path(paths.pop())
    assert "model.sync_hostaway.reservations" in json.loads(manifest.read_text())["nodes"]
    assert list(manifest.parent.iterdir()) == [manifest]

    made = manifest.stat().st_mtime_ns
    assert ensure_manifest() == manifest
    assert manifest.stat().st_mtime_ns == made


def test_a_run_leaves_the_process_as_it_was(harness: LandingHarness) -> None:
    environment, folder = dict(os.environ), Path.cwd()
    root_handlers = list(logging.getLogger().handlers)
    harness.land("listings", listing(1))
    harness.transform()
    assert dict(os.environ) == environment
    assert Path.cwd() == folder
    assert logging.getLogger().handlers == root_handlers
    assert [logging.getLogger(name).handlers for name in ("stdout_log", "file_log")] == [[], []]


def test_a_run_prints_its_log_line_and_nothing_of_dbt(
    harness: LandingHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    harness.land("listings", listing(1))
    harness.transform()
    printed = capfd.readouterr()
    assert printed.err == ""
    assert len(printed.out.splitlines()) == 1
    assert "transform_finished" in printed.out


def test_secrets_reach_dbt_under_names_that_it_hides() -> None:
    environment = profile_environment("postgresql://ann:p%40ss@db.example:5433/warehouse?sslmode=require")
    assert {name for name, value in environment.items() if "p@ss" in value or "p%40ss" in value} == {
        "DBT_ENV_SECRET_SYNC_HOSTAWAY_PASSWORD",
        "DBT_ENV_SECRET_SYNC_HOSTAWAY_WAREHOUSE",
    }
    assert environment["DBT_ENV_SECRET_SYNC_HOSTAWAY_PASSWORD"] == "p@ss"
    assert environment["SYNC_HOSTAWAY_DBT_DBNAME"] == "warehouse"


def test_a_parameter_that_dbts_driver_does_not_know_is_named() -> None:
    with pytest.raises(ConfigurationError, match="min_protocol_version") as refusal:
        profile_environment("postgresql://ann:hush@db.example/warehouse?min_protocol_version=3.2")
    assert "hush" not in str(refusal.value)


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No dbt project"):
        find_project(tmp_path)


def test_the_documentation_is_one_page(harness: LandingHarness, tmp_path: Path) -> None:
    page = build_docs(harness.connection, tmp_path / "docs")
    assert page == tmp_path / "docs" / "index.html"
    text = page.read_text()
    assert "reservation_guests" in text
    assert "Hostaway in SQL" in text


def test_a_page_of_the_user_is_not_replaced_by_the_documentation(harness: LandingHarness, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text("<title>Our intranet</title>")
    with pytest.raises(ConfigurationError, match=r"index\.html was not made by dbt and is not replaced"):
        build_docs(harness.connection, tmp_path)
    assert page.read_text() == "<title>Our intranet</title>"
