"""Forked child processes: they share the parent's imports, and have their own session and log."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from sync_hostaway.core.home import Home, open_log
from sync_hostaway.local.component import Component, preload, run
from sync_hostaway.local.processes import write_record


def fork(home: Home, name: str, body: Callable[[], None]) -> int:
    """Run a function in a child process with its own session and log file."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        log = open_log(home.log(name))
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        body()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001 - the child must never return into the launcher's code
        traceback.print_exc()
    finally:
        _leave(code)
    return 0


def _leave(code: int) -> None:
    """End the process as the interpreter does: run exit handlers (Airflow closes its sessions) and flush streams."""
    import atexit

    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def start(home: Home, component: Component, may_run: Callable[[], bool] = lambda: True) -> None:
    """Fork an Airflow component and write its process record.

    :param may_run: called in the child after its preparation. It blocks until the component may run or must end.
    """

    def body() -> None:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        preload(component.preload)
        if may_run():
            run(component)

    write_record(home, component.name, fork(home, component.name, body))
