"""Files made from the dbt project: the manifest for Cosmos, the documentation."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import ConfigurationError, TransformFailed
from sync_hostaway.core.files import make_unwritable
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms.invocation import dbt_home, parse, profile_environment, run_dbt
from sync_hostaway.transforms.project import find_project, project_hash

_MAKE_MANIFEST = """
import pathlib, sys
from sync_hostaway.transforms import ensure_manifest
ensure_manifest(pathlib.Path(sys.argv[1]))
"""
_DBT_TITLE = "<title>dbt Docs</title>"


def ensure_manifest(project_dir: Path | None = None) -> Path:
    """The project's manifest.json. It is created if this state of the project has none. Needs no warehouse.

    A process waits while another one creates it. The file appears when it is complete.
    """
    project = find_project(project_dir)
    manifest = _manifest_path(project)
    folder = manifest.parent
    if manifest.is_file():
        return manifest
    make_unwritable(dbt_home())
    make_unwritable(folder)
    with _folder_lock(folder):
        if not manifest.is_file():
            _make_manifest(project, manifest)
    return manifest


def manifest_for_dag(project_dir: Path, *, timeout: float = 15) -> Path:
    """As `ensure_manifest`, for a Dag file: Airflow's limit for its import is 30 seconds (`[core]
    dagbag_import_timeout`).

    dbt runs in a process of its own, which outlives the import. So on a slow machine, a later parse finds the manifest.

    :param timeout: seconds to wait for it.
    :raises TransformFailed: when it does not exist by then, or the project does not parse.
    """
    manifest = _manifest_path(find_project(project_dir))
    if manifest.is_file():
        return manifest
    import_path = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, import_path)),
        "SYNC_HOSTAWAY_HOME": str(get_settings().home),
    }
    with tempfile.TemporaryFile() as output:
        maker = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", _MAKE_MANIFEST, str(project_dir)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
        )
        try:
            failed = maker.wait(timeout)
        except subprocess.TimeoutExpired:
            # So that it leaves no zombie when it ends.
            threading.Thread(target=maker.wait, daemon=True).start()
            raise TransformFailed(
                f"dbt has not parsed its project within {timeout:g} seconds. It continues, and a later parse of this "
                "file finds the result"
            ) from None
        if failed:
            output.seek(0)
            last_line = output.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise TransformFailed(last_line or "The dbt project does not parse")
    return manifest


def _manifest_path(project: Path) -> Path:
    return dbt_home() / "manifests" / f"{project_hash(project)}.json"


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_manifest(project: Path, manifest: Path) -> None:
    with tempfile.TemporaryDirectory(dir=manifest.parent, prefix="parsing-") as scratch:
        result = parse(project, Path(scratch))
        if not result.success:
            raise TransformFailed(f"The dbt project does not parse: {result.error}")
        Path(scratch, "manifest.json").replace(manifest)


def build_docs(connection: Connection, target_dir: Path | None = None) -> Path:
    """Write the documentation of the core tables and marts, one self-contained page, and return its path.

    It reads the catalogue of the warehouse, so the tables should exist.

    :param target_dir: `docs/dbt` beside the dbt project by default.
    :raises ConfigurationError: when the page cannot be written there, or a file of the user has its name.
    """
    environment = profile_environment(connection)
    page = (target_dir or find_project().parent / "docs" / "dbt") / "index.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        if page.exists() and _DBT_TITLE not in page.read_text(encoding="utf-8", errors="replace"):
            raise ConfigurationError(f"{page} was not made by dbt and is not replaced. Name another folder: --folder")
    except OSError as error:
        raise ConfigurationError(
            f"The documentation cannot be written to {page}: {error.strerror}. Name another folder: --folder"
        ) from error
    with tempfile.TemporaryDirectory(prefix="dbt-docs-") as scratch:
        result = run_dbt(
            ["docs", "generate", "--static"], project_dir=find_project(), environment=environment, target=Path(scratch)
        )
        if not result.success:
            raise TransformFailed(f"The documentation was not written: {'; '.join(result.failures())}")
        return Path(shutil.copy(Path(scratch, "static_index.html"), page))
