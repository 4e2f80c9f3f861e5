"""Secrets: made once, kept, private, and never made again over data they open."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sync_hostaway.core.embedded import embedded_secret_keys
from sync_hostaway.core.exceptions import LocalPlatformError
from sync_hostaway.core.home import Home, read_json, write_json
from sync_hostaway.core.home_secrets import Secrets


def test_made_once_and_kept(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    first = Secrets.ensure(home)
    assert Secrets.ensure(home) == first
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600
    assert len(set(read_json(home.secrets).values())) == 7


def test_keys_are_fernet_keys(tmp_path: Path) -> None:
    for key in (*embedded_secret_keys(tmp_path), Secrets.ensure(Home.at(tmp_path)).airflow_fernet_key):
        Fernet(key)


def test_no_secret_is_shown(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    shown = repr(Secrets.ensure(home))
    assert not any(value in shown for value in read_json(home.secrets).values())


def test_a_secret_of_a_later_version_is_added(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    before = Secrets.ensure(home)
    write_json(home.secrets, {"admin_password": before.admin_password})
    after = Secrets.ensure(home)
    assert after.admin_password == before.admin_password
    assert after.airflow_jwt_secret != before.airflow_jwt_secret


def test_lost_secrets_are_not_replaced_when_there_is_data(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.make()
    (home.postgres / "data").mkdir(parents=True)
    (home.postgres / "data" / "PG_VERSION").write_text("18")
    with pytest.raises(LocalPlatformError, match=r"secrets\.json is missing or unreadable"):
        Secrets.ensure(home)
