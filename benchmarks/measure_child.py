"""Runs a command and writes what it cost as JSON: `python -I -S measure_child.py RESULT COMMAND…`.

A process of its own, with nothing but the standard library: Linux counts the memory of the process that starts a
program into the peak of that program, and this one has 10 MB where the benchmark has a hundred.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Run, wait, write."""
    result, *command = sys.argv[1:]
    began = time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    figures = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "wall": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        # Kilobytes on Linux, bytes on macOS.
        "rss_mb": usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
    }
    Path(result).write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
