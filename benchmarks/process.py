"""Commands whose cost is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync_hostaway.core.settings import SHORT_NAMES

_LAUNCHER = Path(__file__).with_name("measure_child.py")
_TAIL = 400


@dataclass(frozen=True)
class Usage:
    """What a process cost. cpu: its own user and system time; rss_mb: its peak; error: the end of its output."""

    exit_code: int
    wall: float
    cpu: float
    rss_mb: float
    error: str | None = None


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without settings that would aim a measured process at something else."""
    kept = {name: value for name, value in os.environ.items() if name not in SHORT_NAMES.values()}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


def measure(command: Sequence[str | Path], env: Mapping[str, str], scratch: Path) -> Usage:
    """Run a command to its end."""
    result, output = scratch / "usage.json", scratch / "output.log"
    result.unlink(missing_ok=True)
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(result), *map(str, command)]
    with output.open("wb") as log:
        subprocess.run(launcher, env=dict(env), stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=True)  # noqa: S603 - our own programs
    usage = Usage(**json.loads(result.read_text(encoding="utf-8")))
    if usage.exit_code == 0:
        return usage
    said = output.read_text(encoding="utf-8", errors="replace").strip()
    return Usage(usage.exit_code, usage.wall, usage.cpu, usage.rss_mb, error=said[-_TAIL:])
