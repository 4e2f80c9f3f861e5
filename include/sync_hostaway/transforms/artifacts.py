"""Files made from the dbt project: the manifest for Cosmos, the documentation."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import ConfigurationError, TransformFailed
from sync_hostaway.core.files import make_unwritable
from sync_hostaway.transforms.invocation import dbt_home, parse, profile_environment, run_dbt
from sync_hostaway.transforms.project import find_project, project_hash

_DBT_TITLE = "<title>dbt Docs</title>"


def ensure_manifest(project_dir: Path | None = None) -> Path:
    """The project's manifest.json, made now if this state of the project has none yet. Needs no warehouse.

    Two processes may make it at once: each makes its own, and the file appears whole.
    """
    project = find_project(project_dir)
    folder = dbt_home() / "manifests"
    manifest = folder / f"{project_hash(project)}.json"
    if manifest.is_file():
        return manifest
    make_unwritable(dbt_home())
    make_unwritable(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix="parsing-") as scratch:
        outcome = parse(project, Path(scratch))
        if not outcome.success:
            raise TransformFailed(f"The dbt project does not parse: {outcome.error}")
        Path(scratch, "manifest.json").replace(manifest)
    return manifest


def build_docs(connection: Connection, target_dir: Path | None = None) -> Path:
    """Write the documentation of the core tables and marts, one self-contained page, and return its path.

    Reads the catalogue of the warehouse, so the tables should be there.

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
        outcome = run_dbt(
            ["docs", "generate", "--static"], project_dir=find_project(), environment=environment, target=Path(scratch)
        )
        if not outcome.success:
            raise TransformFailed(f"The documentation was not made: {'; '.join(outcome.failures())}")
        return Path(shutil.copy(Path(scratch, "static_index.html"), page))
