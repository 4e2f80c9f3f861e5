"""Airflow parses the Dags of all accounts every 30 seconds: what that costs, and that it changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.accounts.snapshot import SnapshotAccount, write_snapshot
from sync_hostaway.core.dag_ids import SYNC_FILES, sync_dag_id, sync_file

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = [SnapshotAccount(700 + n, f"2026-11-01T10:00:{n:02}+00:00", f"Villa {n}") for n in range(8)]


def parse_often(folder: Path, accounts: list[SnapshotAccount], times: int = 1, hash_seed: int = 0) -> dict[str, Any]:
    """What `parse_often.py` finds, in a process that reaches no registry."""
    write_snapshot(folder / "home" / "accounts.json", accounts, "2026-10-01T00:00:00+00:00")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HOSTAWAY"))},
        "AIRFLOW_HOME": str(folder / "airflow"),
        "SYNC_HOSTAWAY_HOME": str(folder / "home"),
        "WAREHOUSE_URL": "postgresql://nouser@127.0.0.1:9/nowhere",
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONWARNINGS": "ignore",
    }
    script = Path(__file__).with_name("parse_often.py")
    done = subprocess.run(
        [sys.executable, script, ROOT, str(times)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def versions(folder: Path, accounts: list[SnapshotAccount], times: int = 1, hash_seed: int = 0) -> dict[str, str]:
    """The only version of each Dag."""
    found = parse_often(folder, accounts, times, hash_seed)["versions"]
    assert [dag_id for dag_id, several in found.items() if len(several) > 1] == []
    return {dag_id: version for dag_id, [version] in found.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parsed")


@pytest.fixture(scope="module")
def after_fifty_parses(folder: Path) -> dict[str, str]:
    return versions(folder, ACCOUNTS, 50)


def test_fifty_parses_make_no_new_version(after_fifty_parses: dict[str, str]) -> None:
    assert len(after_fifty_parses) == len(ACCOUNTS)


@pytest.mark.parametrize("hash_seed", [1, 2])
def test_another_process_makes_no_new_version(folder: Path, after_fifty_parses: dict[str, str], hash_seed: int) -> None:
    assert versions(folder, list(reversed(ACCOUNTS)), hash_seed=hash_seed) == after_fifty_parses


def test_a_change_of_one_account_is_a_new_version_of_its_dag_only(
    folder: Path, after_fifty_parses: dict[str, str]
) -> None:
    first, second, third, *others = ACCOUNTS
    changed = [replace(first, name="Palace"), replace(third, options={"sync_every_hours": 6}), *others]
    found = versions(folder, [*changed, SnapshotAccount(799)])
    same = {dag_id for dag_id, version in found.items() if after_fifty_parses.get(dag_id) == version}
    assert set(found) - same == {sync_dag_id(each) for each in (first.account_id, third.account_id, 799)}
    assert sync_dag_id(second.account_id) not in found


def test_accounts_are_spread_over_all_files() -> None:
    assert {sync_file(account.account_id) for account in ACCOUNTS} == set(SYNC_FILES)
    assert {file.name for file in (ROOT / "dags").glob("hostaway_sync*.py")} == set(SYNC_FILES)


def test_an_account_costs_about_as_much_as_two_bare_dags(tmp_path: Path) -> None:
    # Ten tasks, params and a page of documentation cost little beside what Airflow does for any Dag. The figure was 14
    # when each task had a copy of the params. `python -m benchmarks dags` measures it exactly.
    found = parse_often(tmp_path, [SnapshotAccount(10_000 + 7 * n, name=f"Villa {n}") for n in range(300)])
    assert len(found["versions"]) == 300
    assert found["seconds"] < 5 * found["bare"]
