"""The snapshot keeps Dags alive: it is replaced whole, and a bad file is not an empty one."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from sync_hostaway.accounts.snapshot import Snapshot, SnapshotAccount, load_snapshot, write_snapshot
from sync_hostaway.core.exceptions import ConfigurationError

ACCOUNTS = [
    SnapshotAccount(702, "2026-02-01T00:00:00+00:00"),
    SnapshotAccount(701, "2026-01-01T00:00:00+00:00", "Seaside", {"photos": False}),
]
IN_ORDER = Snapshot(sorted(ACCOUNTS, key=lambda account: account.account_id))


def test_accounts_come_back_in_order(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "new" / "accounts.json", ACCOUNTS)
    assert load_snapshot(tmp_path / "new" / "accounts.json") == IN_ORDER


def test_no_account_is_registered_yet(tmp_path: Path) -> None:
    assert load_snapshot(tmp_path / "accounts.json") is None


@pytest.mark.parametrize("damage", ["", "{", '{"accounts": [{"nonsense": 1}]}', "[]", None])
def test_a_lost_or_damaged_file_loses_no_account(tmp_path: Path, damage: str | None) -> None:
    path = tmp_path / "accounts.json"
    write_snapshot(path, ACCOUNTS)
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    assert load_snapshot(path) == IN_ORDER


def test_an_unchanged_list_does_not_touch_the_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    write_snapshot(path, ACCOUNTS)
    before = path.stat().st_ino
    write_snapshot(path, ACCOUNTS)
    assert path.stat().st_ino == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["accounts.json", "accounts.json.copy"]


@pytest.mark.parametrize("text", ['{"of": "the user"}', '["of the user"]', '"text"'])
@pytest.mark.parametrize("name", ["accounts.json", "accounts.json.copy"])
def test_a_file_of_another_kind_is_not_replaced(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=r"not an account snapshot.*SNAPSHOT_PATH"):
        write_snapshot(tmp_path / "accounts.json", ACCOUNTS)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, text)]


def test_a_full_disk_does_not_fill_further_with_each_parse(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "accounts.json", ACCOUNTS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to write more than that into a file.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_snapshot(tmp_path / "accounts.json", ACCOUNTS[:1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load_snapshot(tmp_path / "accounts.json") == IN_ORDER
    assert sorted(file.name for file in tmp_path.iterdir()) == ["accounts.json", "accounts.json.copy"]
