"""The log lines of commands: text, or each one a JSON object."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import Processor

from sync_hostaway.core.console import err
from sync_hostaway.core.text import visible

# Each JSON line has these fields. They are null where a line is not about one account, resource, run or request.
_FIELDS = ("account_id", "resource", "run", "request_id")


def configure_logs(level: str, *, as_json: bool) -> None:
    """Write log lines to stderr.

    :param level: minimum level of this project's lines.
    :param as_json: write JSON objects. Lines of libraries are JSON objects, too.
    """
    chain: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    if as_json:
        # JSON escapes control characters. Python's own traceback has no variables.
        chain += [
            structlog.processors.StackInfoRenderer(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_all_fields,
            structlog.processors.format_exc_info,
        ]
        renderer = structlog.processors.JSONRenderer(ensure_ascii=True)
        _write_libraries_as_json(level, chain, renderer)
        processors: list[Processor] = [*chain, renderer]
    else:
        defaults = [each for each in structlog.get_config()["processors"] if each is not _visible_values]
        # structlog's default traceback shows the variables of each function: payloads and secrets.
        console = ConsoleRenderer(colors=err.is_terminal, exception_formatter=plain_traceback)
        processors = [*defaults[:-1], _visible_values, console]
        if level == "debug":
            logging.basicConfig(level=logging.INFO)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up for each line, because rich replaces stderr while it shows bars, and keeps log lines above them.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _write_libraries_as_json(level: str, chain: list[Processor], renderer: Processor) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*chain, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # As in text: libraries describe every request at level debug.
    logging.basicConfig(handlers=[handler], level=logging.INFO if level == "debug" else level.upper(), force=True)
    logging.captureWarnings(True)


def _with_all_fields(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _FIELDS:
        event.setdefault(name, None)
    return event


def _visible_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a log line that cannot control the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible(value)
    return event
