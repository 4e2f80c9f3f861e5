"""The clock of a process: libfaketime adds an offset to it, which is in a file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def clock_env(scratch: Path) -> dict[str, str]:
    """The settings with which a process takes its clock's offset from the file `clock`; empty where that is impossible.

    Only its wall clock: the monotonic clock never jumps.
    """
    import libfaketime

    library = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
    if not library.exists():
        return {}
    move_clock(scratch, 0)
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(_file(scratch)),
        "FAKETIME_CACHE_DURATION": "0",
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def can_move_clock(scratch: Path) -> bool:
    """Whether a process can be given another clock on this machine."""
    _file(scratch).unlink(missing_ok=True)
    env = clock_env(scratch)
    if not env:
        return False
    move_clock(scratch, 172_800)
    asked = subprocess.run(
        [sys.executable, "-S", "-c", "import time; print(time.time())"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return asked.returncode == 0 and float(asked.stdout) > time.time() + 86_400


def move_clock(scratch: Path, seconds: int) -> None:
    """Let the clocks of the processes with `clock_env` differ from this machine's by so many seconds."""
    _file(scratch).write_text(f"{seconds:+d}\n", encoding="utf-8")


def _file(scratch: Path) -> Path:
    return scratch / "clock"
