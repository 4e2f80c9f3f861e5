"""One version number: that of pyproject.toml, wherever a version is shown."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from typer.testing import CliRunner

from api_helpers import RecordedRuns
from sync_hostaway.api.app import create_app
from sync_hostaway.cli.main import app

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_package_that_is_installed_has_the_version_of_the_project() -> None:
    assert version("sync-hostaway") == VERSION
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == f"sync-hostaway {VERSION}"


def test_the_dbt_project_has_the_version_of_the_package() -> None:
    project = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["version"] == VERSION


def test_the_http_api_has_the_version_of_the_package() -> None:
    assert create_app(RecordedRuns()).openapi()["info"]["version"] == VERSION
