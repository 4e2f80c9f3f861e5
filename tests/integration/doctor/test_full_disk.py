"""A full disk of the home: the doctor and the alert name it, and the doctor shows all other findings, too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sync_hostaway.alerts.evaluate import evaluate, open_alerts
from sync_hostaway.cli.main import app
from sync_hostaway.core.db import Connection
from sync_hostaway.core.disk import DiskSpace, disk_space
from sync_hostaway.core.settings import get_settings

GIB = 1 << 30


@pytest.fixture
def full_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a full file system in memory, or, without the right to mount one, a kernel that reports a full disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if is_mounted:
        with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    else:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=100 * GIB, used=100 * GIB, free=0))
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(folder / "home"))
    get_settings.cache_clear()
    yield folder / "home"
    if is_mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.integration
def test_the_doctor_names_a_full_disk_beside_its_other_findings(
    warehouse: Connection, account: int, full_home: Path
) -> None:
    result = CliRunner().invoke(app, ["doctor", "--account", str(account), "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    found = {finding["check"]: finding for finding in document["installation"]}
    assert found["disk of SYNC_HOSTAWAY_HOME"]["status"] == "fails"
    assert found["disk of SYNC_HOSTAWAY_HOME"]["detail"].startswith("0 MiB of ")
    assert "disk_full" in found["disk of SYNC_HOSTAWAY_HOME"]["detail"]
    assert found["stored API keys"]["status"] == "holds"
    assert document["accounts"][0]["account_id"] == account


@pytest.mark.integration
def test_a_full_disk_begins_an_alert(warehouse: Connection, full_home: Path) -> None:
    evaluate(warehouse, None)
    (alert,) = open_alerts(warehouse)
    assert alert["kind"] == "disk_full"
    assert alert["summary"].startswith("0 MiB of ")


@pytest.mark.parametrize(
    ("free", "total", "is_almost_full"),
    [
        (GIB, 2 * GIB, False),
        (GIB - 1, 2 * GIB, True),
        (50 * GIB, 1000 * GIB, False),
        (50 * GIB - 1, 1000 * GIB, True),
        (0, 0, True),
    ],
)
def test_less_than_a_gib_or_than_five_percent_is_almost_full(free: int, total: int, *, is_almost_full: bool) -> None:
    assert DiskSpace(free, total).is_almost_full is is_almost_full


def test_a_folder_that_does_not_exist_yet_has_the_disk_of_its_parent(tmp_path: Path) -> None:
    assert disk_space(tmp_path / "not" / "yet").total == disk_space(tmp_path).total > 0
