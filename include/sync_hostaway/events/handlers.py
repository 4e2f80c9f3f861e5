"""Where users plug in automations: told of every event once its object has landed.

An automation is a class with a method `on_event`, named in the setting `automation` as `package.module:Class` and made
without arguments, once per run of `hostaway_delta`. It runs in a thread of its own and cannot touch the sync: what it
raises is logged, and a run waits for it a few seconds and no more. It is told at most once: not of what was in flight
when its process was killed. What must not be missed belongs into a query of the core tables.
"""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, cast

import structlog

from sync_hostaway.core.exceptions import ConfigurationError

log = structlog.get_logger(__name__)

_PATIENCE = 10.0

Payload = dict[str, Any]


class Automation(Protocol):
    """What users write."""

    def on_event(
        self, account_id: int, event: str | None, entity_before: Payload | None, entity_after: Payload | None
    ) -> None:
        """Called after the commit, before the core tables have the change.

        :param event: Hostaway's name of it, such as `reservation.updated`.
        :param entity_before: Hostaway's object as it was landed until now; None when it is new here.
        :param entity_after: the object as it is now; None when Hostaway does not have it any more.
        """


@dataclass(frozen=True)
class _News:
    account_id: int
    event: str | None
    before: Payload | None
    after: Payload | None


def load_automation(name: str) -> Automation:
    """Make the automation of a name such as `package.module:Class`.

    :raises ConfigurationError: when there is no such class, or it cannot be made.
    """
    module, _, attribute = name.partition(":")
    try:
        return cast("Automation", getattr(importlib.import_module(module), attribute)())
    except Exception as error:
        raise ConfigurationError(
            f"AIRFLOW__HOSTAWAY__AUTOMATION names {name}, which cannot be made ({type(error).__name__}: {error}); it "
            "must look like package.module:Class and be importable where tasks run"
        ) from error


class Dispatcher:
    """Tells an automation, in a thread of its own. Use as a context manager.

    :param name: of the automation; None: nobody is told.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._news: SimpleQueue[_News | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._tell_all, name="automation", daemon=True)

    def __enter__(self) -> Dispatcher:
        if self._name:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._name:
            self._news.put(None)
            self._thread.join(_PATIENCE)
            if self._thread.is_alive():
                log.warning("automation_too_slow", automation=self._name, not_told_of=self._news.qsize())

    def tell(self, account_id: int, event: str | None, before: Payload | None, after: Payload | None) -> None:
        """Have the automation told, without waiting for it."""
        if self._name:
            self._news.put(_News(account_id, event, before, after))

    def _tell_all(self) -> None:
        try:
            automation = load_automation(self._name or "")
        except ConfigurationError as error:
            log.error("automation_missing", error=str(error))  # noqa: TRY400 - the message says it all
            return
        while news := self._news.get():
            try:
                automation.on_event(news.account_id, news.event, news.before, news.after)
            except Exception:
                log.exception(
                    "automation_failed", automation=self._name, account_id=news.account_id, event_name=news.event
                )
