"""Calls a user's event handler after an event was processed.

An event handler is a class with a method `on_event`. The setting `event_handler` names it as `package.module:Class`.
Each run of `hostaway_delta` makes one instance, without arguments, and calls it in a thread of its own. An exception of
the handler is logged and does not affect the run. At its end, a run waits at most `_STOP_TIMEOUT` seconds for the
handler.

Each event is passed to the handler at most once. Events that were in progress when the process was killed are not
passed. Code that must not miss a change should query the core tables instead.
"""

from __future__ import annotations

import importlib
import threading
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, cast

import structlog

from sync_hostaway.core.exceptions import ConfigurationError

log = structlog.get_logger(__name__)

_STOP_TIMEOUT = 10.0

Payload = dict[str, Any]


class EventHandler(Protocol):
    """The class that users write."""

    def on_event(
        self, account_id: int, event: str | None, entity_before: Payload | None, entity_after: Payload | None
    ) -> None:
        """Called after the row was committed to landing, before the core tables are updated.

        :param event: the event's name at Hostaway, for example `reservation.updated`.
        :param entity_before: the previous payload in landing; None when the object is new.
        :param entity_after: the current payload; None when Hostaway has deleted the object.
        """


@dataclass(frozen=True)
class _Call:
    account_id: int
    event: str | None
    before: Payload | None
    after: Payload | None


def load_event_handler(name: str) -> EventHandler:
    """Make an instance of the event handler `package.module:Class`.

    :raises ConfigurationError: when the class cannot be imported, or its constructor fails.
    """
    module, _, attribute = name.partition(":")
    try:
        return cast("EventHandler", getattr(importlib.import_module(module), attribute)())
    except Exception as error:
        raise ConfigurationError(
            f"AIRFLOW__HOSTAWAY__EVENT_HANDLER names {name}, which cannot be loaded ({type(error).__name__}: {error}). "
            "The value must look like package.module:Class, and the module must be importable where tasks run"
        ) from error


class EventHandlerThread:
    """Calls an event handler in a thread of its own. Use as a context manager.

    :param name: the setting `event_handler`; None disables the thread.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._call_all,), name="event handler", daemon=True
        )

    def __enter__(self) -> EventHandlerThread:
        if self._name:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._name:
            self._calls.put(None)
            self._thread.join(_STOP_TIMEOUT)
            if self._thread.is_alive():
                log.warning("event_handler_too_slow", event_handler=self._name, events_skipped=self._calls.qsize())

    def notify(self, account_id: int, event: str | None, before: Payload | None, after: Payload | None) -> None:
        """Queue a call of the handler and return at once."""
        if self._name:
            self._calls.put(_Call(account_id, event, before, after))

    def _call_all(self) -> None:
        try:
            handler = load_event_handler(self._name or "")
        except ConfigurationError as error:
            log.error("event_handler_missing", error=str(error))  # noqa: TRY400 - the message names the cause
            return
        while call := self._calls.get():
            try:
                handler.on_event(call.account_id, call.event, call.before, call.after)
            except Exception:
                log.exception(
                    "event_handler_failed",
                    event_handler=self._name,
                    account_id=call.account_id,
                    event_name=call.event,
                )
