"""The repository's root as a GitDagBundle: a run is pinned to a commit, and every Dag file is found in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sync_hostaway.accounts.snapshot import SnapshotAccount, write_snapshot

ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.providers.git.bundles.git import GitDagBundle
from sync_hostaway.transforms import ensure_manifest
bundle = GitDagBundle(name="hostaway", repo_url=sys.argv[1], tracking_ref="main", version=sys.argv[2] or None)
bundle.initialize()
bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name="hostaway")
print("RESULT " + json.dumps([bundle.get_current_version().version, sorted(bag.dags), bag.import_errors]))
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=surroundings(), check=True, capture_output=True, text=True
    ).stdout.strip()


def surroundings() -> dict[str, str]:
    """The environment without Airflow, and without the repository that a hook of git runs in."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "GIT_"))}


def test_every_dag_is_found_in_a_git_bundle_and_an_older_version_stays_what_it_was(tmp_path: Path) -> None:
    work, bare = tmp_path / "work", tmp_path / "bare.git"
    work.mkdir()
    for name in ("dags", "dbt_project", "include", "plugins", "tests"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    shutil.copy(ROOT / ".airflowignore", work)
    git(work, "init")
    git(work, "add", "--all")
    git(work, "commit", "--message", "first")
    first = git(work, "rev-parse", "HEAD")
    (work / "dags" / "hostaway_maintenance.py").unlink()
    git(work, "commit", "--all", "--message", "second")
    git(tmp_path, "clone", "--bare", str(work), str(bare))
    write_snapshot(tmp_path / "home" / "accounts.json", [SnapshotAccount(701)])
    environment = {
        **surroundings(),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "bundles"),
        "SYNC_HOSTAWAY_HOME": str(tmp_path / "home"),
    }

    def load(version: str) -> tuple[str, list[str], dict[str, str]]:
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(bare), version],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
        version_loaded, dags, errors = json.loads(line.removeprefix("RESULT "))
        return version_loaded, dags, errors

    newest = [
        "hostaway_alerts",
        "hostaway_delta",
        "hostaway_nightly",
        "hostaway_poll",
        "hostaway_sync__701",
        "hostaway_training_data",
        "hostaway_transform",
    ]
    assert load("")[1:] == (newest, {})
    assert load(first) == (first, sorted([*newest, "hostaway_maintenance"]), {})
