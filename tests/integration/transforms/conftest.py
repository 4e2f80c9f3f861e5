"""A warehouse whose core tables are there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from databases import create_database, rename_database
from landing_harness import LandingHarness
from sync_hostaway.core.db import connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.transforms import run_transform

DATABASE = "w_transform"


@pytest.fixture(scope="session")
def core_template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a warehouse in which a first transform has made the core tables, to copy."""
    name = f"template_{DATABASE}"
    home = tmp_path_factory.mktemp("dbt-home")
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        patch.setenv("SYNC_HOSTAWAY_HOME", str(home))
        get_settings.cache_clear()
        # dbt compiles the database's name into the project: it is parsed once if all have the same.
        create_database(admin, DATABASE, "template_warehouse")
        run_transform(postgres.dsn(DATABASE), requested_by="template")
        rename_database(admin, DATABASE, name)
        get_settings.cache_clear()
    return name


@pytest.fixture
def warehouse_dsn(
    postgres: EmbeddedPostgres, core_template: str, own_settings: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A fresh warehouse with empty core tables, always under the same name."""
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        create_database(admin, DATABASE, core_template)
    dsn = postgres.dsn(DATABASE)
    monkeypatch.setenv("WAREHOUSE_URL", dsn)
    get_settings.cache_clear()
    return dsn


@pytest.fixture
def harness(warehouse_dsn: str) -> Iterator[LandingHarness]:
    with connect(warehouse_dsn) as connection:
        yield LandingHarness(connection, warehouse_dsn)


@pytest.fixture(scope="module")
def harness_of_module(
    postgres: EmbeddedPostgres, core_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LandingHarness]:
    """A warehouse with empty core tables, which the tests of a module fill once and then only read."""
    dsn = postgres.dsn(DATABASE)
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        patch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        create_database(admin, DATABASE, core_template)
        with connect(dsn) as connection:
            yield LandingHarness(connection, dsn)
        get_settings.cache_clear()


@pytest.fixture
def home() -> Path:
    return get_settings().home
