"""Where the dbt project is, and what it holds."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sync_hostaway.exceptions import ConfigurationError

_CONTENT = {".sql", ".yml", ".yaml", ".csv", ".md"}
_NOT_CONTENT = {"target", "logs", "dbt_packages"}


def find_project(project_dir: Path | None = None) -> Path:
    """The dbt project's folder.

    :param project_dir: taken as it is; without it, `dbt_project` is looked for beside `include/` of this package and
        in the current directory.
    :raises ConfigurationError: when there is no dbt project.
    """
    repository = Path(__file__).resolve().parents[3]
    candidates = [project_dir] if project_dir else [repository / "dbt_project", Path.cwd() / "dbt_project"]
    for candidate in candidates:
        if (candidate / "dbt_project.yml").is_file():
            return candidate.resolve()
    raise ConfigurationError(f"No dbt project in {' or '.join(str(candidate) for candidate in candidates)}")


def project_hash(project_dir: Path) -> str:
    """Hash of everything in the project that dbt reads; equal on every machine."""
    digest = hashlib.sha256()
    for file in sorted(project_dir.rglob("*"), key=lambda file: file.relative_to(project_dir).as_posix()):
        name = file.relative_to(project_dir)
        if file.suffix in _CONTENT and file.is_file() and not _NOT_CONTENT.intersection(name.parts):
            content = file.read_bytes()
            digest.update(f"{name.as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:16]
