"""Runs dbt in this process, and restores the state of the process.

dbt reads its connection from the environment and has module-level state. So only one invocation runs at a time in a
process, and the environment is only changed during the invocation. This module does not prevent two processes from
running dbt at the same time; the lock of the ledger does that for one warehouse.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import ConfigurationError, TransformFailed
from sync_hostaway.core.files import make_unwritable, unwritable_files
from sync_hostaway.core.libpq import connection_string, explicit, parameters_of, string_of
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms.project import build_hash, project_hash

# dbt removes the values of variables with this prefix from its logs.
DSN_VARIABLE = "DBT_ENV_SECRET_SYNC_HOSTAWAY_WAREHOUSE"
_PASSWORD_VARIABLE = "DBT_ENV_SECRET_SYNC_HOSTAWAY_PASSWORD"  # noqa: S105 - the name of a variable
_DATABASE_VARIABLE = "SYNC_HOSTAWAY_DBT_DBNAME"
_LOGGERS = ("stdout_log", "file_log")
# A database error may contain the row, and the SQL and our functions in which it was raised.
_QUOTED_ROW = re.compile(r"\n\s*DETAIL:[^\n]*")
_CONTEXT = re.compile(r"\n\s*(?:QUERY|CONTEXT):.*?(?=\n\s*compiled code at |\Z)", re.DOTALL)

_one_at_a_time = threading.RLock()
_parses: dict[tuple[str, ...], DbtResult] = {}


@dataclass(frozen=True)
class ModelRun:
    """The result of one model or test."""

    name: str
    status: str
    rows: int | None
    seconds: float
    message: str | None = None

    @property
    def failed(self) -> bool:
        return self.status in ("error", "fail", "runtime error")


@dataclass(frozen=True)
class DbtResult:
    """The result of an invocation."""

    success: bool
    runs: list[ModelRun] = field(default_factory=list)
    error: str | None = None
    value: Any = None

    def failures(self) -> list[str]:
        """One line for each failed node, or the reason why no node ran."""
        lines = [f"{run.name}: {run.message or run.status}" for run in self.runs if run.failed]
        return lines or [self.error or "dbt gave no reason"]


def profile_environment(source: Connection | str) -> dict[str, str]:
    """The environment variables by which dbt finds the warehouse.

    :param source: an open connection to it, or its connection string.
    :raises ConfigurationError: naming a parameter that dbt's driver does not support.
    """
    dsn = source if isinstance(source, str) else string_of(source)
    parameters = parameters_of(explicit(dsn))
    database = parameters.get("dbname") or parameters.get("user")
    return {
        DSN_VARIABLE: _for_psycopg2(dsn),
        **({_DATABASE_VARIABLE: database} if database else {}),
        # So that dbt removes it from its logs
        **({_PASSWORD_VARIABLE: parameters["password"]} if parameters.get("password") else {}),
    }


def _for_psycopg2(dsn: str) -> str:
    """A connection string for dbt's driver, which has its own libpq."""
    import psycopg2.extensions

    given = connection_string(dsn, "sync-hostaway dbt")
    try:
        psycopg2.extensions.parse_dsn(given)
    except psycopg2.ProgrammingError as error:
        raise ConfigurationError(f"dbt's driver does not support a parameter of WAREHOUSE_URL: {error}") from None
    return given


def connect_process_dbt(source: Connection | str) -> None:
    """Make dbt open the warehouse from now on, in a process that only runs dbt.

    This is for dbt that other code invokes; `run_dbt` does the same during one command.
    """
    from sync_hostaway.transforms import dbt_connections

    dbt_connections.install()
    for name in _user_dbt_variables():
        del os.environ[name]
    os.environ.update(profile_environment(source))


def _user_dbt_variables() -> list[str]:
    """Variables for a user's own dbt. DBT_FULL_REFRESH or DBT_TARGET would change our runs."""
    return [name for name in os.environ if name.startswith("DBT_")]


def dbt_home() -> Path:
    """The folder for dbt's cache: parsed projects, compiled SQL, its log."""
    return (get_settings().home / "dbt").resolve()


def preload_project(project_dir: Path, environment: Mapping[str, str]) -> None:
    """Load dbt and parse the project for forks of this process, because that takes longer than most transforms."""
    # dbt imports these with its first command
    import dbt.task.run  # noqa: F401
    import dbt_common.clients.agate_helper  # noqa: F401

    from sync_hostaway.transforms import dbt_speed

    build_hash(project_dir)
    with _one_at_a_time, _environment(environment):
        parsed = _parsed(project_dir, environment)
    if parsed.success:
        dbt_speed.compile_templates(parsed.value)


def run_dbt(
    arguments: Sequence[str],
    *,
    project_dir: Path,
    environment: Mapping[str, str],
    target: Path | None = None,
    profiles_dir: Path | None = None,
) -> DbtResult:
    """Run a dbt command that needs the warehouse. Parses the project once per process and database.

    :param target: a folder for dbt's artifacts, which are not written otherwise.
    :param profiles_dir: folder of profiles.yml; by default the project, which is then parsed each time.
    """
    with _one_at_a_time, _environment(environment):
        if profiles_dir:
            return _invoke(arguments, project_dir, target=target, profiles_dir=profiles_dir)
        parsed = _parsed(project_dir, environment)
        if not parsed.success:
            return parsed
        _forget_compiled(parsed.value)
        return _invoke(arguments, project_dir, manifest=parsed.value, target=target)


def _forget_compiled(manifest: Any) -> None:
    """Reset a used manifest for the next command: otherwise dbt would not insert ephemeral models again."""
    for node in manifest.nodes.values():
        if getattr(node, "extra_ctes_injected", False):
            node.extra_ctes_injected = False
            node.extra_ctes = []
            node._pre_injected_sql = None


def parsed_manifest(project_dir: Path, environment: Mapping[str, str]) -> Any:
    """dbt's manifest of the project. It is parsed once per process and database.

    :raises TransformFailed: when the project does not parse.
    """
    with _one_at_a_time, _environment(environment):
        parsed = _parsed(project_dir, environment)
    if not parsed.success:
        raise TransformFailed(f"The dbt project does not parse: {parsed.error}")
    return parsed.value


def _parsed(project_dir: Path, environment: Mapping[str, str]) -> DbtResult:
    # The parsed project contains only the database's name of the connection.
    key = (project_hash(project_dir), environment.get(_DATABASE_VARIABLE, ""))
    if key not in _parses:
        result = _invoke(["parse"], project_dir)
        if not result.success:
            return result
        _parses.clear()
        _parses[key] = result
        # The parsed project is a large graph of objects. A garbage collection that traverses it takes a quarter of a
        # second, and would happen during transforms. Frozen objects are excluded.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
    return _parses[key]


def parse(project_dir: Path, target: Path) -> DbtResult:
    """Parse the project, writing manifest.json into `target`. Needs no warehouse."""
    with _one_at_a_time, _environment({}):
        return _invoke(["parse"], project_dir, target=target)


def _invoke(
    arguments: Sequence[str],
    project_dir: Path,
    *,
    manifest: Any = None,
    target: Path | None = None,
    profiles_dir: Path | None = None,
) -> DbtResult:
    from dbt.cli.main import dbtRunner

    from sync_hostaway.transforms import dbt_connections, dbt_speed

    # Models of a user may rely on a session of their own.
    dbt_connections.install(keeps_connections=profiles_dir is None)
    dbt_speed.install()
    home = dbt_home()
    make_unwritable(home)
    # fmt: off
    flags = [
        "--project-dir", str(project_dir),
        "--profiles-dir", str(profiles_dir or project_dir),
        # dbt parses only changed files, and sometimes misses a change. So each state has its own folder
        "--target-path", str(target or home / "target" / project_hash(project_dir)),
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
    try:
        with unwritable_files():
            result = dbtRunner(manifest=manifest).invoke([*arguments, *flags])
    finally:
        _close_loggers()
    if result.exception is not None and not isinstance(result.exception, Exception):
        raise result.exception  # dbt's runner hides KeyboardInterrupt and SystemExit
    error = str(result.exception) if result.exception else None
    runs = [_model_run(node) for node in getattr(result.result, "results", None) or [] if hasattr(node, "node")]
    return DbtResult(bool(result.success), runs, short_error(error), result.result)


def _model_run(result: Any) -> ModelRun:
    rows = (result.adapter_response or {}).get("rows_affected")
    return ModelRun(
        name=result.node.name,
        status=str(result.status),
        rows=rows if isinstance(rows, int) and rows >= 0 else None,
        seconds=round(result.execution_time, 3),
        message=short_error(result.message),
    )


def short_error(message: str | None) -> str | None:
    """The error of a model in one line, without the row, the SQL and the functions in which PostgreSQL raised it."""
    return " ".join(_CONTEXT.sub("", _QUOTED_ROW.sub("", message)).split()) if message else None


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
    names = {*_user_dbt_variables(), _DATABASE_VARIABLE, *values}
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
