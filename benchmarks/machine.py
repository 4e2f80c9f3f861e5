"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil


def load() -> str:
    """Load averages of 1 and 5 minutes: other work on the machine makes every time longer."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} / {five:.1f}"


def cpu(process: psutil.Process) -> float:
    """User and system time of a process so far, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def server_cpu(backend_pid: int) -> float:
    """CPU seconds of all processes of a PostgreSQL server so far, those that have ended included.

    :param backend_pid: any of its backends.
    """
    postmaster = psutil.Process(backend_pid).parent()
    if postmaster is None:
        return 0.0
    ended = postmaster.cpu_times()
    return cpu(postmaster) + ended.children_user + ended.children_system + sum(map(cpu, postmaster.children()))


def describe() -> dict[str, Any]:
    """Cores, memory, versions and the load now."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sync-hostaway": version("sync-hostaway"),
        "load": load(),
    }
