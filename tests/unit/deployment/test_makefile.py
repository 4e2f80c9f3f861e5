"""The Makefile removes its own files only, for paths, variables and settings with any characters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compose_file import load

PROJECT = Path(__file__).resolve().parents[3]
# Replaces Python and uv: makes the virtual environment, and fills the given cache.
STUB = """#!/bin/sh
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin .venv/lib && cp "$0" .venv/bin/python ;;
  "pip install"*) mkdir -p "$UV_CACHE_DIR" && touch "$UV_CACHE_DIR/wheel" ;;
esac
"""
NAMES = st.text("ab -$'\"*?[]{}()!#%&;|<>~`\\=:,\n\té", min_size=1, max_size=12).filter(lambda name: name not in ".")
BESIDE = ("my", "project", "a", "b", "-", "*", "$HOME")


def project_at(folder: Path) -> Path:
    """What make needs to see of the project, in a folder."""
    for name in ("include/sync_hostaway/core", "bin"):
        (folder / name).mkdir(parents=True)
    (folder / "include/sync_hostaway/core/home.py").touch()
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        (folder / name).touch()
    shutil.copy(PROJECT / "Makefile", folder)
    return folder


def make(folder: Path, *arguments: str, tools: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**kept, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tools), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def tools_in(folder: Path) -> Path:
    folder.mkdir()
    for name in ("python3", "uv"):
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    return folder


def files_of(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if ".venv" not in path.parts}


@example("my project")
@example("-rf")
@example('"; touch x; "')
@example("$HOME")
@example("a\nb")
@settings(max_examples=25)
@given(NAMES)
def test_only_the_environment_is_removed_for_every_name_of_the_folder(name: str) -> None:
    with TemporaryDirectory() as temporary:
        beside = Path(temporary)
        for other in BESIDE:
            (beside / other / "kept").mkdir(parents=True, exist_ok=True)
        tools = tools_in(beside / "tools")
        project = project_at(beside / name / "checkout")
        before = files_of(beside)
        built = make(project, "env", tools=tools)
        assert built.returncode == 0, built.stderr
        assert (project / ".venv/.ready").exists()
        assert not (project / ".venv/.uv-cache").exists()
        assert files_of(beside) == before
        assert make(project, "clean", tools=tools).returncode == 0
        assert not (project / ".venv").exists()
        assert files_of(beside) == before


@pytest.mark.parametrize("name", ["cache", "my cache", "-cache", "$cache", "it's", 'so "called"'])
def test_a_cache_of_the_user_is_used_and_kept(tmp_path: Path, name: str) -> None:
    tools, project = tools_in(tmp_path / "tools"), project_at(tmp_path / "checkout")
    cache = tmp_path / name
    (cache / "of others").mkdir(parents=True)
    assert make(project, "env", tools=tools, UV_CACHE_DIR=str(cache)).returncode == 0
    assert sorted(path.name for path in cache.iterdir()) == ["of others", "wheel"]


@pytest.mark.parametrize(
    "variable", ["VENV", "BIN", "READY", "UV", "CURDIR", "PYTHON", "KEEP", "ACCOUNT", "UV_CACHE_DIR"]
)
@pytest.mark.parametrize("how", ["environment", "argument"])
def test_no_variable_names_what_is_removed(tmp_path: Path, variable: str, how: str) -> None:
    tools, project = tools_in(tmp_path / "tools"), project_at(tmp_path / "checkout")
    kept = tmp_path / "kept"
    kept.mkdir()
    assert make(project, "env", tools=tools).returncode == 0
    command = f"rm -r '{kept}'"
    value = f"{kept} ; {command} ; $({command}) ; '{kept}"
    for target in ("env", "demo", "sync", "clean"):
        if how == "environment":
            make(project, target, tools=tools, **{variable: f"{value} $(shell {command})"})
        else:
            make(project, target, f"{variable}={value.replace('$', '$$')}", tools=tools)
        assert kept.exists(), target


def test_make_of_another_folder_is_refused(tmp_path: Path) -> None:
    """`make -f` works in the folder it is called from: its `.venv` is another project's."""
    tools, project = tools_in(tmp_path / "tools"), project_at(tmp_path / "checkout")
    (tmp_path / "other/.venv").mkdir(parents=True)
    done = make(tmp_path / "other", "-f", str(project / "Makefile"), "clean", tools=tools)
    assert done.returncode != 0
    assert "make -C" in done.stderr
    assert (tmp_path / "other/.venv").exists()


def test_clean_keeps_the_environment_when_the_platform_cannot_be_stopped(tmp_path: Path) -> None:
    tools, project = tools_in(tmp_path / "tools"), project_at(tmp_path / "checkout")
    assert make(project, "env", tools=tools).returncode == 0
    command = project / ".venv/bin/sync-hostaway"
    command.write_text("#!/bin/sh\nexit 1\n")
    command.chmod(0o755)
    assert make(project, "clean", tools=tools).returncode != 0
    assert command.exists()


def test_the_image_is_built_and_entered_under_its_name(tmp_path: Path) -> None:
    tools, project = tools_in(tmp_path / "tools"), project_at(tmp_path / "checkout")
    (tools / "docker").write_text('#!/bin/sh\nprintf "[%s]" "$@"\n')
    (tools / "docker").chmod(0o755)
    assert make(project, "build", tools=tools).stdout == "[build][--tag][sync-hostaway:latest][.]"
    built = make(project, "build", tools=tools, SYNC_HOSTAWAY_IMAGE="registry/my image; ls")
    assert built.stdout == "[build][--tag][registry/my image; ls][.]"
    entered = make(project, "shell", tools=tools).stdout
    assert entered == "[run][--rm][--interactive][--tty][sync-hostaway:latest][bash]"
    (project / ".env").touch()
    service = re.findall(r"\[([^]]+)\]", make(project, "shell", tools=tools).stdout)[-2]
    assert service in load()["services"]
