"""`sync-hostaway env` writes what docker-compose.yaml needs, for its owner only, and never over a file."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from compose_file import environment, load, strings, variables
from sync_hostaway.cli.env import SECRETS, env_file

CODE = "from sync_hostaway.cli.main import app; app()"


def run(folder: Path, *arguments: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, "env", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
        timeout=60,
    )


def values(text: str) -> dict[str, str]:
    """What a shell has after `set -a; . ./.env`."""
    done = subprocess.run(
        ["env", "-i", "/bin/sh", "-ec", 'set -a; eval "$0"; env', text], capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_the_file_has_every_secret_that_compose_requires() -> None:
    found = values(env_file())
    compose = load()
    required = {variable.name for text in strings(compose) for variable in variables(text) if variable.operator == ":?"}
    assert required <= SECRETS.keys() <= found.keys()
    for name in ("airflow-worker", "init"):
        assert all(environment(compose["services"][name], found).values())
    for name in ("AIRFLOW_FERNET_KEY", "AIRFLOW__HOSTAWAY__SECRET_KEYS"):
        Fernet(found[name])
    assert found["POSTGRES_PASSWORD"].isalnum(), "it becomes part of a URL"
    assert len({found[name] for name in SECRETS}) == len(SECRETS)
    assert not set(values(env_file()).values()) & {found[name] for name in SECRETS}, "every call makes new ones"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_file_is_for_its_owner_only_and_the_secrets_are_not_shown(tmp_path: Path, umask: int) -> None:
    done = run(tmp_path, umask=umask)
    assert done.returncode == 0, done.stderr
    file = tmp_path / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = values(file.read_text())
    assert not [name for name in SECRETS if found[name] in done.stdout + done.stderr]
    assert "PUBLIC_BASE_URL" in done.stdout + done.stderr, "what is to be filled in"


@pytest.mark.parametrize("kind", ["file", "empty", "link", "broken link", "folder", "binary"])
def test_what_is_there_is_never_changed(tmp_path: Path, kind: str) -> None:
    target, file = tmp_path / "target", tmp_path / ".env"
    if kind == "folder":
        file.mkdir()
    elif "link" in kind:
        file.symlink_to(target)
        if kind == "link":
            target.write_text("A=1\n")
    else:
        file.write_bytes({"file": b"POSTGRES_PASSWORD=mine\n", "empty": b"", "binary": b"\xff\x00"}[kind])
    before = sorted((path.name, path.is_file() and path.read_bytes()) for path in tmp_path.iterdir())
    done = run(tmp_path)
    assert done.returncode != 0
    assert "not changed" in done.stderr
    assert sorted((path.name, path.is_file() and path.read_bytes()) for path in tmp_path.iterdir()) == before
    if kind == "file":
        assert "AIRFLOW_JWT_SECRET" in done.stderr
        assert "POSTGRES_PASSWORD" not in done.stderr


def test_it_goes_to_the_standard_output_for_a_container(tmp_path: Path) -> None:
    done = run(tmp_path, "-")
    assert done.returncode == 0
    assert SECRETS.keys() <= values(done.stdout).keys()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, str(tmp_path / "missing" / ".env"))
    assert done.returncode != 0
    assert "missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
