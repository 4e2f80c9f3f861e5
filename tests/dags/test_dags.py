"""The Dag files: importable without any database, named, tagged and documented, stable from parse to parse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.accounts.snapshot import SnapshotAccount, write_snapshot
from sync_hostaway.core.exceptions import TransformFailed
from sync_hostaway.core.resources import Resource
from sync_hostaway.transforms import ensure_manifest, manifest_for_dag

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = [
    SnapshotAccount(701, "2026-11-01T10:00:00+00:00", "Seaside"),
    SnapshotAccount(702, "2026-11-02T10:00:00+00:00"),
]
COMMON = {
    "hostaway_alerts",
    "hostaway_delta",
    "hostaway_maintenance",
    "hostaway_nightly",
    "hostaway_poll",
    "hostaway_training_data",
    "hostaway_transform",
}


@cache
def manifest() -> Path:
    """What dbt makes of its project, which takes seconds: once for all tests, as once for an installation."""
    return ensure_manifest()


def parse(
    folder: Path,
    *,
    accounts: list[SnapshotAccount],
    installed_at: str | None = None,
    with_manifest: bool = True,
    **environment: str,
) -> dict[str, Any]:
    """Parse the repository in a process that has an Airflow home and nothing else: no server, no warehouse."""
    home = folder / "home"
    write_snapshot(home / "accounts.json", accounts, installed_at)
    if with_manifest:
        manifests = home / "dbt" / "manifests"
        manifests.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest(), manifests)
    result = folder / "dags.json"
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HOSTAWAY"))},
        "AIRFLOW_HOME": str(folder / "airflow"),
        "SYNC_HOSTAWAY_HOME": str(home),
        "WAREHOUSE_URL": "postgresql://nouser@127.0.0.1:9/nowhere",
        **environment,
    }
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("parse.py")), str(ROOT), str(result)],
        env=env,
        check=True,
        capture_output=True,
        timeout=120,
    )
    document: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse(tmp_path_factory.mktemp("parsed"), accounts=ACCOUNTS)


@pytest.fixture(scope="module")
def dags(parsed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = parsed["dags"]
    return found


def test_every_file_is_imported_though_no_database_answers(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}


def test_where_dbt_has_not_parsed_its_project_another_process_does(tmp_path: Path, dags: dict[str, Any]) -> None:
    parsed = parse(tmp_path, accounts=ACCOUNTS, with_manifest=False)
    assert parsed["errors"] == {}
    assert parsed["dags"] == dags
    assert not [name for name in parsed["modules"] if name.split(".")[0] == "dbt"]


def test_an_import_that_cannot_wait_for_dbt_fails_and_a_later_one_finds_its_result() -> None:
    with pytest.raises(TransformFailed, match="a later parse of this file finds the result"):
        manifest_for_dag(ROOT / "dbt_project", timeout=0)
    assert manifest_for_dag(ROOT / "dbt_project", timeout=60).is_file()


def test_one_dag_per_account_and_the_common_ones(dags: dict[str, Any]) -> None:
    assert set(dags) == COMMON | {"hostaway_sync__701", "hostaway_sync__702"}


def test_accounts_are_named_in_the_list_of_dags(dags: dict[str, Any]) -> None:
    assert dags["hostaway_sync__701"]["display_name"] == "hostaway_sync__701 (Seaside)"
    assert dags["hostaway_sync__702"]["display_name"] == "hostaway_sync__702"


def test_the_name_of_an_account_acts_nowhere(tmp_path: Path) -> None:
    name = "a\x1b[2J\u202e\n\n![x](https://evil.example/p.png) <img src=x> ``www.evil.example``"
    dag = parse(tmp_path, accounts=[SnapshotAccount(701, "2026-11-01T10:00:00+00:00", name)])["dags"][
        "hostaway_sync__701"
    ]
    shown = r"a\u001b[2J\u202e\n\n![x](https://evil.example/p.png) <img src=x> ``www.evil.example``"
    assert dag["display_name"] == f"hostaway_sync__701 ({shown})"
    assert f"(``` {shown} ```) into" in dag["doc"]


def test_the_bundle_holds_nothing_but_the_dag_files(dags: dict[str, Any]) -> None:
    assert {dag["file"] for dag in dags.values()} <= {file.name for file in (ROOT / "dags").glob("*.py")}


def test_without_accounts_there_are_just_the_common_ones(tmp_path: Path) -> None:
    assert set(parse(tmp_path, accounts=[])["dags"]) == COMMON


@pytest.mark.parametrize("accounts", [[], ACCOUNTS], ids=["none", "two"])
def test_nothing_is_due_from_before_the_platform_was_there(tmp_path: Path, accounts: list[SnapshotAccount]) -> None:
    installed_at = "2026-10-31T08:00:00+00:00"
    dags = parse(tmp_path, accounts=accounts, installed_at=installed_at)["dags"]
    for dag_id in ("hostaway_nightly", "hostaway_maintenance"):
        assert dags[dag_id]["start"] == installed_at


def test_without_a_snapshot_the_start_is_left_to_airflow(tmp_path: Path) -> None:
    dags = parse(tmp_path, accounts=[], AIRFLOW__HOSTAWAY__SNAPSHOT_PATH=str(tmp_path / "not yet"))["dags"]
    assert set(dags) == COMMON
    assert dags["hostaway_nightly"]["start"] is None


def test_a_second_parse_gives_the_same_dags(tmp_path: Path, dags: dict[str, Any]) -> None:
    # Anything that differs would make a new Dag version each time.
    assert parse(tmp_path, accounts=list(reversed(ACCOUNTS)))["dags"] == dags


def test_every_dag_is_tagged_and_tells_what_to_do_when_it_fails(dags: dict[str, Any]) -> None:
    for dag_id, dag in dags.items():
        assert "hostaway" in dag["tags"], dag_id
        assert dag["doc"], dag_id
        assert dag["catchup"] is False, dag_id
        assert dag["max_active_runs"] == {"hostaway_delta": 3, "hostaway_poll": 2}.get(dag_id, 1), dag_id


def test_every_task_is_retried(dags: dict[str, Any]) -> None:
    # Cosmos' producer must not be retried: a second one would find the first one's models half built. What a delta
    # leaves, the next one serves; and alerts are evaluated every minute.
    without = {
        f"{dag_id}.{task_id}"
        for dag_id, dag in dags.items()
        for task_id, task in dag["tasks"].items()
        if task["retries"] < 2 and "producer" not in task_id
    }
    assert without == {"hostaway_alerts.evaluate", "hostaway_delta.serve", "hostaway_poll.poll"}


def test_an_account_is_synced_daily_each_at_its_own_minute(dags: dict[str, Any]) -> None:
    first, second = (dags[f"hostaway_sync__{account.account_id}"] for account in ACCOUNTS)
    assert first["schedule"] != second["schedule"]
    for dag, account in ((first, ACCOUNTS[0]), (second, ACCOUNTS[1])):
        minute, hour, *rest = dag["schedule"].split()
        assert 0 <= int(minute) < 60
        assert 0 <= int(hour) < 24
        assert rest == ["*", "*", "*"]
        assert dag["start"] == account.registered_at


def test_the_trigger_form_offers_modes_and_resources(dags: dict[str, Any]) -> None:
    params = dags["hostaway_sync__701"]["params"]
    assert params["mode"]["enum"] == ["auto", "full", "incremental"]
    assert params["resources"]["examples"] == [resource.value for resource in Resource]
    assert params["since"]["format"] == "date-time"


def test_what_is_found_through_a_parent_waits_for_it(dags: dict[str, Any]) -> None:
    tasks = dags["hostaway_sync__701"]["tasks"]
    assert tasks["extract_messages"]["upstream"] == ["extract_conversations"]
    assert tasks["extract_calendar_days"]["upstream"] == ["extract_listings", "extract_reservations"]
    assert tasks["extract_reservations"]["upstream"] == []


def test_the_request_for_a_transform_cannot_hide_a_failed_extraction(dags: dict[str, Any]) -> None:
    request = dags["hostaway_sync__701"]["tasks"]["request_transform"]
    assert request["teardown"] is True
    assert len(request["upstream"]) == len(Resource)


def test_an_account_is_subscribed_before_its_first_sync_begins(dags: dict[str, Any]) -> None:
    tasks = dags["hostaway_maintenance"]["tasks"]
    assert tasks["accounts_without_sync"]["upstream"] == ["reconcile_webhooks"]
    for task_id in ("accounts_without_sync", "lost_deliveries", "events_are_waiting"):
        assert tasks[task_id]["trigger_rule"] == "all_done", "trouble with Hostaway keeps no run from being asked for"


def test_messages_without_an_answer_are_settled_despite_other_errors(dags: dict[str, Any]) -> None:
    assert dags["hostaway_maintenance"]["tasks"]["settle_messages"]["upstream"] == []


def test_everything_that_writes_with_dbt_runs_one_at_a_time(dags: dict[str, Any]) -> None:
    assert dags["hostaway_transform"]["tasks"]["transform"]["pool"] == "hostaway_dbt"
    nightly = dags["hostaway_nightly"]["tasks"]
    assert nightly["transform"]["pool"] == "hostaway_dbt"
    producers = [task for task_id, task in nightly.items() if task_id.endswith("dbt_producer_watcher")]
    assert [task["pool"] for task in producers] == ["hostaway_dbt"]


def test_syncs_leave_slots_for_the_delta(dags: dict[str, Any]) -> None:
    tasks = dags["hostaway_sync__701"]["tasks"]
    assert {task["pool"] for task_id, task in tasks.items() if task_id.startswith("extract_")} == {"hostaway_sync"}


def test_the_delta_begins_at_once_beside_other_runs(dags: dict[str, Any]) -> None:
    delta = dags["hostaway_delta"]
    assert delta["schedule"] is None
    # One task, as each one more costs a second; and not in line behind transforms.
    assert {task_id: task["pool"] for task_id, task in delta["tasks"].items()} == {"serve": "default_pool"}


def test_the_nightly_build_shows_every_model_and_its_tests(dags: dict[str, Any]) -> None:
    tasks = set(dags["hostaway_nightly"]["tasks"])
    for model in (ROOT / "dbt_project" / "models" / "core").glob("*.sql"):
        assert any(f"{model.stem}.run" in task or f"{model.stem}_run" in task for task in tasks), model.stem
        assert any(model.stem in task and "test" in task for task in tasks), model.stem


def test_an_account_can_be_synced_more_often_and_only_its_own_dag_changes(tmp_path: Path, dags: dict[str, Any]) -> None:
    hourly = replace(ACCOUNTS[0], options={"sync_every_hours": 1})
    unknown = replace(ACCOUNTS[1], options={"of_a_newer_version": 1})
    parsed_again = parse(tmp_path, accounts=[hourly, unknown])["dags"]
    assert parsed_again["hostaway_sync__701"]["schedule"].split()[1] == ",".join(map(str, range(24)))
    assert parsed_again["hostaway_sync__702"] == dags["hostaway_sync__702"]
    weekly = parse(tmp_path, accounts=[replace(ACCOUNTS[0], options={"sync_every_hours": 168})])["dags"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", weekly["hostaway_sync__701"]["schedule"])
    every_six = parse(tmp_path, accounts=ACCOUNTS, AIRFLOW__HOSTAWAY__SYNC_EVERY_HOURS="6")["dags"]
    assert len(every_six["hostaway_sync__702"]["schedule"].split()[1].split(",")) == 4


def test_the_trigger_form_offers_a_dry_run(dags: dict[str, Any]) -> None:
    assert dags["hostaway_sync__701"]["params"]["dry_run"]["type"] == "boolean"
