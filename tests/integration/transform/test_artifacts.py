"""What dbt leaves behind: the manifest and the documentation, and nothing in this process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from landing_hand import Hand, listing

from sync_hostaway.exceptions import ConfigurationError
from sync_hostaway.transform import build_docs, ensure_manifest, find_project, profile_environment

pytestmark = pytest.mark.integration


def test_the_manifest_is_made_once_even_by_two_processes(home: Path) -> None:
    code = "from sync_hostaway.transform import ensure_manifest; print(ensure_manifest())"
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


def test_a_run_leaves_the_process_as_it_was(hand: Hand) -> None:
    environment, folder = dict(os.environ), Path.cwd()
    root_handlers = list(logging.getLogger().handlers)
    hand.land("listings", listing(1))
    hand.transform()
    assert dict(os.environ) == environment
    assert Path.cwd() == folder
    assert logging.getLogger().handlers == root_handlers
    assert [logging.getLogger(name).handlers for name in ("stdout_log", "file_log")] == [[], []]


def test_a_run_prints_nothing(hand: Hand, capfd: pytest.CaptureFixture[str]) -> None:
    hand.land("listings", listing(1))
    hand.transform()
    assert capfd.readouterr() == ("", "")


def test_the_password_reaches_dbt_under_a_name_it_hides() -> None:
    environment = profile_environment("postgresql://ann:p%40ss@db.example:5433/warehouse?sslmode=require")
    assert (
        environment.items()
        >= {
            "SYNC_HOSTAWAY_DBT_HOST": "db.example",
            "SYNC_HOSTAWAY_DBT_PORT": "5433",
            "SYNC_HOSTAWAY_DBT_DBNAME": "warehouse",
            "SYNC_HOSTAWAY_DBT_SSLMODE": "require",
            "DBT_ENV_SECRET_SYNC_HOSTAWAY_PASSWORD": "p@ss",
        }.items()
    )


def test_certificates_and_timeouts_reach_dbt() -> None:
    environment = profile_environment(
        "postgresql://ann@db.example/warehouse?sslmode=verify-full&sslrootcert=/c/root.pem&sslcert=/c/a.pem"
        "&sslkey=/c/a.key&connect_timeout=7&keepalives_idle=30&keepalives=1&application_name=x"
        "&channel_binding=require&options=-c%20role%3Detl"
    )
    assert environment == {
        "SYNC_HOSTAWAY_DBT_HOST": "db.example",
        "SYNC_HOSTAWAY_DBT_USER": "ann",
        "SYNC_HOSTAWAY_DBT_DBNAME": "warehouse",
        "SYNC_HOSTAWAY_DBT_SSLMODE": "verify-full",
        "SYNC_HOSTAWAY_DBT_SSLROOTCERT": "/c/root.pem",
        "SYNC_HOSTAWAY_DBT_SSLCERT": "/c/a.pem",
        "SYNC_HOSTAWAY_DBT_SSLKEY": "/c/a.key",
        "SYNC_HOSTAWAY_DBT_CONNECT_TIMEOUT": "7",
        "SYNC_HOSTAWAY_DBT_KEEPALIVES_IDLE": "30",
        "PGCHANNELBINDING": "require",
        "PGOPTIONS": "-c role=etl -c jit=off",
    }


@pytest.mark.parametrize(
    ("dsn", "named"),
    [
        ("service=warehouse", "`service`"),
        ("postgresql://a,b/warehouse", "`host`"),
        ("postgresql://a:1,b:2/warehouse", "`host`"),
        ("host=a hostaddr=10.0.0.1", "`hostaddr`"),
        ("host=a target_session_attrs=read-write", "`target_session_attrs`"),
        ("host=a passfile=/p", "`passfile`"),
        ("host=a sslcrl=/p sslpassword=x", "`sslcrl`, `sslpassword`"),
        ("host=a require_auth=scram-sha-256", "`require_auth`"),
    ],
)
def test_a_parameter_that_dbt_cannot_be_given_is_named(dsn: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        profile_environment(dsn)


def test_an_open_connection_has_settled_what_its_url_left_open(hand: Hand) -> None:
    host, _, rest = hand.dsn.rpartition("@127.0.0.1:")
    port, _, database = rest.partition("/")
    url = f"{host}@127.0.0.1:1,127.0.0.1:{port}/{database}?target_session_attrs=read-write"
    with psycopg.connect(url) as connection:
        environment = profile_environment(connection)
    assert environment["SYNC_HOSTAWAY_DBT_PORT"] == port


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No dbt project"):
        find_project(tmp_path)


def test_the_documentation_is_one_page(hand: Hand, tmp_path: Path) -> None:
    page = build_docs(tmp_path / "docs", hand.connection)
    assert page == tmp_path / "docs" / "index.html"
    text = page.read_text()
    assert "guest_links" in text
    assert "Hostaway in SQL" in text
