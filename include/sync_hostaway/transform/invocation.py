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
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from sync_hostaway.exceptions import ConfigurationError, TransformFailed
from sync_hostaway.files import make_unwritable, unwritable_files
from sync_hostaway.settings import get_settings
from sync_hostaway.transform.project import project_hash
from sync_hostaway.warehouse import Connection

# libpq's parameters that dbt takes, and the variables in which profiles.yml looks for them
_ENVIRONMENT = {
    "host": "SYNC_HOSTAWAY_DBT_HOST",
    "port": "SYNC_HOSTAWAY_DBT_PORT",
    "user": "SYNC_HOSTAWAY_DBT_USER",
    # dbt strikes the values of variables named so out of its logs
    "password": "DBT_ENV_SECRET_SYNC_HOSTAWAY_PASSWORD",
    "dbname": "SYNC_HOSTAWAY_DBT_DBNAME",
    "sslmode": "SYNC_HOSTAWAY_DBT_SSLMODE",
    "sslrootcert": "SYNC_HOSTAWAY_DBT_SSLROOTCERT",
    "sslcert": "SYNC_HOSTAWAY_DBT_SSLCERT",
    "sslkey": "SYNC_HOSTAWAY_DBT_SSLKEY",
    "connect_timeout": "SYNC_HOSTAWAY_DBT_CONNECT_TIMEOUT",
    "keepalives_idle": "SYNC_HOSTAWAY_DBT_KEEPALIVES_IDLE",
}
# Those that reach dbt's connections because libpq itself looks there
_BY_LIBPQ = {"options": "PGOPTIONS", "channel_binding": "PGCHANNELBINDING"}
# Those without which dbt talks to the same server, as the same user, no less safely
_NEEDLESS = {
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_count",
    "keepalives_interval",
    "tcp_user_timeout",
    "sslcertmode",
    "sslcompression",
    "sslsni",
}
# Those that have done their work once a connection is open, which tells its host, port and password. `hostaddr` is
# there whether or not somebody gave it.
_SETTLED = {"hostaddr", "service", "servicefile", "passfile", "target_session_attrs", "load_balance_hosts"}
_LOGGERS = ("stdout_log", "file_log")
# A database error may quote the row it is about.
_QUOTED_ROW = re.compile(r"\n\s*DETAIL:[^\n]*")

_one_at_a_time = threading.RLock()
_parses: dict[tuple[str, ...], Outcome] = {}


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
    :raises ConfigurationError: naming a parameter that dbt cannot be given and that matters.
    """
    if isinstance(source, str):
        parameters: dict[str, Any] = conninfo_to_dict(source)
        needless = _NEEDLESS
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
        needless = _NEEDLESS | _SETTLED
    parameters = {key: str(value) for key, value in parameters.items() if value not in (None, "")}
    for key in ("host", "port"):
        if "," in parameters.get(key, ""):
            raise ConfigurationError(f"dbt connects to one server, and the warehouse's `{key}` names several")
    refused = sorted(parameters.keys() - _ENVIRONMENT.keys() - _BY_LIBPQ.keys() - needless)
    if refused:
        raise ConfigurationError(
            f"dbt cannot be given the warehouse's connection parameter {', '.join(f'`{key}`' for key in refused)}"
        )
    found = {name: parameters[key] for key, name in {**_ENVIRONMENT, **_BY_LIBPQ}.items() if key in parameters}
    # Compiling a query costs more than any of ours takes on the few rows of a delta.
    options = found.get("PGOPTIONS", os.environ.get("PGOPTIONS", ""))
    return {**found, "PGOPTIONS": f"{options} -c jit=off".strip()}


def dbt_home() -> Path:
    """Where dbt keeps what it may forget: parsed projects, compiled SQL, its log."""
    return (get_settings().home / "dbt").resolve()


def contract_columns(project_dir: Path, environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Model, column and type of every column of the incremental models' contracts.

    :raises TransformFailed: when the project does not parse.
    """
    return [
        (node.name, name, column.data_type)
        for node in _manifest(project_dir, environment).nodes.values()
        if node.resource_type == "model" and node.config.materialized == "incremental"
        for name, column in node.columns.items()
    ]


def models_reading(project_dir: Path, environment: Mapping[str, str], resources: Collection[str]) -> list[str]:
    """The incremental models that read the landing tables of these resources themselves, or through views.

    What another model makes of them does not count: a model has only rows to change whose own resource has any.

    :raises TransformFailed: when the project does not parse.
    """
    manifest = _manifest(project_dir, environment)

    def landing(node_id: str) -> Iterator[str]:
        for parent_id in manifest.nodes[node_id].depends_on.nodes:
            source = manifest.sources.get(parent_id)
            if source:
                yield source.name if source.source_name == "landing" else ""
            elif manifest.nodes[parent_id].config.materialized == "view":
                yield from landing(parent_id)

    return sorted(
        node.name
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        and node.config.materialized == "incremental"
        and not set(resources).isdisjoint(landing(node.unique_id))
    )


def warm_up(project_dir: Path, environment: Mapping[str, str]) -> None:
    """Parse the project for processes that are forked from this one: it takes them longer than most transforms."""
    with _one_at_a_time, _environment(environment):
        _parsed(project_dir, environment)


def run_dbt(
    arguments: Sequence[str], *, project_dir: Path, environment: Mapping[str, str], target: Path | None = None
) -> Outcome:
    """Run a dbt command that needs the warehouse. Parses the project once per process and database.

    :param target: a folder for dbt's artifacts, which are not written otherwise.
    """
    with _one_at_a_time, _environment(environment):
        parsed = _parsed(project_dir, environment)
        if not parsed.success:
            return parsed
        return _invoke(arguments, project_dir, manifest=parsed.value, target=target)


def _manifest(project_dir: Path, environment: Mapping[str, str]) -> Any:
    with _one_at_a_time, _environment(environment):
        parsed = _parsed(project_dir, environment)
    if not parsed.success:
        raise TransformFailed(f"The dbt project does not parse: {parsed.error}")
    return parsed.value


def _parsed(project_dir: Path, environment: Mapping[str, str]) -> Outcome:
    # Of the connection, only the database's name goes into what is parsed.
    key = (project_hash(project_dir), environment.get(_ENVIRONMENT["dbname"], ""))
    if key not in _parses:
        outcome = _invoke(["parse"], project_dir)
        if not outcome.success:
            return outcome
        _parses.clear()
        _parses[key] = outcome
    return _parses[key]


def parse(project_dir: Path, target: Path) -> Outcome:
    """Parse the project, writing manifest.json into `target`. Needs no warehouse."""
    with _one_at_a_time:
        return _invoke(["parse"], project_dir, target=target)


def _invoke(
    arguments: Sequence[str], project_dir: Path, *, manifest: Any = None, target: Path | None = None
) -> Outcome:
    from dbt.cli.main import dbtRunner

    home = dbt_home()
    make_unwritable(home)
    # fmt: off
    flags = [
        "--project-dir", str(project_dir),
        "--profiles-dir", str(project_dir),
        # dbt parses what changed since the last time, and has been seen to miss some of it: one folder per state
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
