"""Finds the dbt project, and reads its relations and its hash."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sync_hostaway.core.exceptions import ConfigurationError

_CONTENT = {".sql", ".yml", ".yaml", ".csv", ".md"}
_NOT_CONTENT = {"target", "logs", "dbt_packages"}
# Properties of models in YAML that do not change their rows
_ONLY_ABOUT = {
    "description", "meta", "docs", "tags", "data_tests", "tests", "unit_tests", "version", "persist_docs", "exposures",
    "freshness", "loaded_at_query",
}  # fmt: skip
_COMMENT = re.compile(r"\{#.*?#\}|^\s*--(?! depends_on).*?$", re.DOTALL | re.MULTILINE)
_TEST_MACRO = re.compile(r"\{%-?\s*test\s.*?endtest\s*-?%\}", re.DOTALL)


@dataclass(frozen=True)
class BuiltRelation:
    """A table or view that the project builds."""

    schema: str
    name: str
    kind: str


def find_project(project_dir: Path | None = None) -> Path:
    """The dbt project's folder.

    :param project_dir: the folder; by default `dbt_project` of this package, or of the current directory.
    :raises ConfigurationError: when there is no dbt project.
    """
    package = Path(__file__).resolve().parents[1]
    candidates = [project_dir] if project_dir else [package / "dbt_project", Path.cwd() / "dbt_project"]
    for candidate in candidates:
        if (candidate / "dbt_project.yml").is_file():
            return candidate.resolve()
    raise ConfigurationError(f"No dbt project in {' or '.join(str(candidate) for candidate in candidates)}")


def project_hash(project_dir: Path) -> str:
    """Hash of everything in the project that dbt reads; equal on every machine."""
    return _content_hash(project_dir, tuple(sorted(_content_files(project_dir))))


def _content_files(project_dir: Path) -> Iterator[tuple[str, int, int]]:
    """Path in the project, time of the last change (ns) and size of each file that dbt reads."""
    for folder, folders, files in os.walk(project_dir):
        folders[:] = [name for name in folders if name not in _NOT_CONTENT]
        for file in (Path(folder, name) for name in files):
            if file.suffix in _CONTENT and file.name not in _NOT_CONTENT and file.is_file():
                state = file.stat()
                yield file.relative_to(project_dir).as_posix(), state.st_mtime_ns, state.st_size


@lru_cache(maxsize=8)
def _content_hash(project_dir: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """A transform needs the hash several times. It only reads the files again when one of them has changed."""
    digest = hashlib.sha256()
    for name, *_ in files:
        content = (project_dir / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def built_relations(project_dir: Path) -> list[BuiltRelation]:
    """The relations that the project builds, from its folders and dbt_project.yml, without dbt, which starts slowly."""
    configured = _load(project_dir / "dbt_project.yml")
    seeds = [
        BuiltRelation(configured["seeds"]["sync_hostaway"]["+schema"], file.stem, "table")
        for file in sorted((project_dir / "seeds").rglob("*.csv"))
    ]
    return seeds + list(_built_in(project_dir / "models", configured["models"]["sync_hostaway"]))


def _built_in(folder: Path, configured: dict[str, Any]) -> Iterator[BuiltRelation]:
    """Relations of a folder of models, and of the folders in it, which inherit its configuration."""
    subfolders = {name: value for name, value in configured.items() if isinstance(value, dict) and name[0] != "+"}
    inherited = {name: value for name, value in configured.items() if name[0] == "+"}
    kind = inherited.get("+materialized")
    for file in sorted(folder.glob("*.sql")):
        # Ephemeral models are part of the models that read them.
        if kind != "ephemeral":
            yield BuiltRelation(inherited["+schema"], file.stem, "view" if kind == "view" else "table")
    for subfolder in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield from _built_in(subfolder, {**inherited, **subfolders.get(subfolder.name, {})})


def build_hash(project_dir: Path) -> str:
    """Hash of the parts that determine the rows: models, macros, columns and configuration.

    It excludes descriptions, tests, comments and layout: after a change of these, rows need not be read again.
    """
    return _build_hash(project_dir, project_hash(project_dir))


@lru_cache(maxsize=8)
def _build_hash(project_dir: Path, state: str) -> str:
    digest = hashlib.sha256()
    for file in sorted((project_dir / "seeds").rglob("*.csv")):
        digest.update(f"{file.relative_to(project_dir).as_posix()}\0{file.read_text(encoding='utf-8')}\0".encode())
    for folder in ("macros", "models", "seeds"):
        for file in sorted((project_dir / folder).rglob("*")):
            name = file.relative_to(project_dir).as_posix()
            if file.suffix == ".sql":
                text = _TEST_MACRO.sub("", _COMMENT.sub("", file.read_text(encoding="utf-8")))
                digest.update(f"{name}\0{' '.join(text.split())}\0".encode())
            elif file.suffix in (".yml", ".yaml"):
                digest.update(f"{_deciding(_load(file))}\0".encode())
    configured = _load(project_dir / "dbt_project.yml")
    digest.update(repr(_deciding({key: configured.get(key) for key in ("models", "seeds", "vars")})).encode())
    return digest.hexdigest()[:16]


def _deciding(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _deciding(value) for key, value in content.items() if key not in _ONLY_ABOUT}
    if isinstance(content, list):
        return [_deciding(value) for value in content]
    return content


def _load(file: Path) -> Any:
    # The parser of libyaml takes a sixth of the time. A PyYAML that was built without it has only the other one.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe
