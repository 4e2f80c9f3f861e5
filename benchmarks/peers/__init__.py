"""The peers' own environment: `.venv-bench`, made on first use from requirements-peers.txt."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-bench"
REQUIREMENTS = ROOT / "benchmarks" / "requirements-peers.txt"
PYTHON = ENVIRONMENT / "bin" / "python"
_READY = ENVIRONMENT / ".ready"


class PeersUnavailable(Exception):
    """The peers' environment could not be made."""


def ensure_environment(say: Callable[[str], None]) -> None:
    """Make the environment, or leave one that fits alone.

    :raises PeersUnavailable: with the installer's last words, or when something else is in its place.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if PYTHON.exists() and _READY.exists() and _READY.read_text(encoding="utf-8") == wanted:
        return
    say(f"Building {ENVIRONMENT.name} for the peers, once (about 2 GB: omniload brings drivers for every database)")
    if ENVIRONMENT.is_symlink() or (ENVIRONMENT.exists() and not (ENVIRONMENT / "pyvenv.cfg").exists()):
        raise PeersUnavailable(f"{ENVIRONMENT} is not an environment of Python, and is left alone: move it away")
    venv.create(ENVIRONMENT, clear=True, with_pip=_uv() is None)
    (ENVIRONMENT / ".gitignore").write_text("*\n", encoding="utf-8")
    _run(*_installer(), "-r", str(REQUIREMENTS))
    shutil.rmtree(ENVIRONMENT / ".cache", ignore_errors=True)
    _READY.write_text(wanted, encoding="utf-8")


def versions() -> dict[str, str]:
    """The peers and their versions."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==", 1) for line in lines if "==" in line)
    return {name: pins[name].split(" ")[0] for name in ("dlt", "omniload")}


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def _installer() -> list[str]:
    uv = _uv()
    return [uv, "pip", "install", "--python", str(PYTHON)] if uv else [str(PYTHON), "-m", "pip", "install"]


def _run(*command: str) -> None:
    cache = {"UV_CACHE_DIR": str(ENVIRONMENT / ".cache"), "PIP_CACHE_DIR": str(ENVIRONMENT / ".cache")}
    done = subprocess.run(  # noqa: S603 - uv or pip
        [*command, "--quiet"], env={**os.environ, **cache}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise PeersUnavailable(f"`{' '.join(command)}` failed; --no-peers measures without them. It said: {said}")
