"""dbt in this process, leaving the process as it was.

dbt reads its connection from the environment and keeps module-level state, so only one invocation runs at a time in a
process, and the environment is set for its time only. Two processes may run dbt at once as far as this module is
concerned; the ledger's lock is what keeps two of them off one warehouse.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from sync_hostaway.settings import get_settings
from sync_hostaway.transform.project import project_hash
from sync_hostaway.warehouse import Connection

Progress = Callable[["ModelRun"], None]

_ENVIRONMENT = {
    "host": "SYNC_HOSTAWAY_DBT_HOST",
    "port": "SYNC_HOSTAWAY_DBT_PORT",
    "user": "SYNC_HOSTAWAY_DBT_USER",
    # dbt strikes the values of variables named so out of its logs
    "password": "DBT_ENV_SECRET_SYNC_HOSTAWAY_PASSWORD",
    "dbname": "SYNC_HOSTAWAY_DBT_DBNAME",
    "sslmode": "SYNC_HOSTAWAY_DBT_SSLMODE",
}
_LOGGERS = ("stdout_log", "file_log")
# A database error may quote the row it is about.
_QUOTED_ROW = re.compile(r"\n\s*DETAIL:[^\n]*")

logger = logging.getLogger(__name__)
_one_at_a_time = threading.RLock()
_manifests: dict[tuple[str, ...], Any] = {}


@dataclass(frozen=True)
class ModelRun:
    """What became of one model or test."""

    name: str
    status: str
    rows: int | None
    seconds: float
    message: str | None = None

    @property
    def failed(self) -> bool:
        return self.status in ("error", "fail", "runtime error")


@dataclass(frozen=True)
class Outcome:
    """What became of an invocation."""

    success: bool
    runs: list[ModelRun] = field(default_factory=list)
    error: str | None = None
    value: Any = None

    def failures(self) -> list[str]:
        """One line for each node that failed, or the reason why none ran."""
        lines = [f"{run.name}: {run.message or run.status}" for run in self.runs if run.failed]
        return lines or [self.error or "dbt gave no reason"]


def profile_environment(source: Connection | str) -> dict[str, str]:
    """The environment variables in which the project's profiles.yml finds the warehouse.

    :param source: an open connection to it, or its libpq URL.
    """
    if isinstance(source, str):
        parameters: Mapping[str, Any] = conninfo_to_dict(source)
    else:
        info = source.info
        parameters = {
            **info.get_parameters(),
            "host": info.host,
            "port": info.port,
            "user": info.user,
            "password": info.password,
            "dbname": info.dbname,
        }
    found = {name: str(parameters[key]) for key, name in _ENVIRONMENT.items() if parameters.get(key)}
    # Compiling a query costs more than any of ours takes on the few rows of a delta.
    return {**found, "PGOPTIONS": f"{os.environ.get('PGOPTIONS', '')} -c jit=off".strip()}


def dbt_home() -> Path:
    """Where dbt keeps what it may forget: parsed projects, compiled SQL, its log."""
    return (get_settings().home / "dbt").resolve()


def run_dbt(
    arguments: Sequence[str],
    *,
    project_dir: Path,
    environment: Mapping[str, str],
    target: Path | None = None,
    on_progress: Progress | None = None,
) -> Outcome:
    """Run a dbt command that needs the warehouse. Parses the project once per process and warehouse.

    :param target: a folder for dbt's artifacts, which are not written otherwise.
    """
    with _one_at_a_time, _environment(environment):
        key = (project_hash(project_dir), *(environment.get(name, "") for name in sorted(_ENVIRONMENT.values())))
        if key not in _manifests:
            parsed = _invoke(["parse"], project_dir)
            if not parsed.success:
                return parsed
            _manifests.clear()
            _manifests[key] = parsed.value
        return _invoke(arguments, project_dir, manifest=_manifests[key], target=target, on_progress=on_progress)


def parse(project_dir: Path, target: Path) -> Outcome:
    """Parse the project, writing manifest.json into `target`. Needs no warehouse."""
    with _one_at_a_time:
        return _invoke(["parse"], project_dir, target=target)


def _invoke(
    arguments: Sequence[str],
    project_dir: Path,
    *,
    manifest: Any = None,
    target: Path | None = None,
    on_progress: Progress | None = None,
) -> Outcome:
    from dbt.cli.main import dbtRunner

    home = dbt_home()
    home.mkdir(parents=True, exist_ok=True)
    # fmt: off
    flags = [
        "--project-dir", str(project_dir),
        "--profiles-dir", str(project_dir),
        "--target-path", str(target or home / "target"),
        "--log-path", str(home / "logs"),
        "--log-level", "none",
        "--log-level-file", "info",
        "--log-file-max-bytes", "1000000",
        "--no-use-colors-file",
        "--no-send-anonymous-usage-stats",
        "--no-print",
        "--cache-selected-only",
        *([] if target else ["--no-write-json"]),
    ]
    # fmt: on
    callbacks = [_reporter(on_progress)] if on_progress else []
    try:
        result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke([*arguments, *flags])
    finally:
        _close_loggers()
    if result.exception is not None and not isinstance(result.exception, Exception):
        raise result.exception  # somebody wants this process to end: dbt's runner keeps even that to itself
    error = str(result.exception) if result.exception else None
    runs = [_model_run(node) for node in getattr(result.result, "results", None) or [] if hasattr(node, "node")]
    return Outcome(bool(result.success), runs, _without_rows(error), result.result)


def _model_run(result: Any) -> ModelRun:
    rows = (result.adapter_response or {}).get("rows_affected")
    return ModelRun(
        name=result.node.name,
        status=str(result.status),
        rows=rows if isinstance(rows, int) and rows >= 0 else None,
        seconds=round(result.execution_time, 3),
        message=_without_rows(result.message),
    )


def _reporter(on_progress: Progress) -> Callable[[Any], None]:
    turn = threading.Lock()

    def report(event: Any) -> None:
        if event.info.name != "NodeFinished":
            return
        info, run = event.data.node_info, event.data.run_result
        # dbt calls from several threads, and takes whatever is raised here for a failure of the model.
        with turn:
            try:
                on_progress(ModelRun(info.node_name, info.node_status, None, round(run.execution_time, 3)))
            except Exception:
                logger.exception("Progress of %s could not be reported", info.node_name)

    return report


def _without_rows(message: str | None) -> str | None:
    return " ".join(_QUOTED_ROW.sub("", message).split()) if message else None


def _close_loggers() -> None:
    from dbt_common.events.event_manager_client import cleanup_event_logger

    cleanup_event_logger()
    for name in _LOGGERS:
        dbt_logger = logging.getLogger(name)
        for handler in list(dbt_logger.handlers):
            dbt_logger.removeHandler(handler)
            handler.close()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    names = {*_ENVIRONMENT.values(), *values}
    before = {name: os.environ.get(name) for name in names}
    try:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(values)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
