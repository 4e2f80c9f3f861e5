"""Automations of a user, for the tests."""

from __future__ import annotations

import threading
from typing import Any

told: list[tuple[Any, ...]] = []
release, came_back = threading.Event(), threading.Event()


class Recorder:
    """Remembers what it is told."""

    def on_event(
        self, account_id: int, event: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        told.append((account_id, event, before and before.get("hostNote"), after and after.get("hostNote")))


class Clumsy(Recorder):
    """Fails whenever it is told anything."""

    def on_event(
        self, account_id: int, event: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        super().on_event(account_id, event, before, after)
        raise RuntimeError("an automation's own trouble")


class Stuck:
    """Does not come back."""

    def on_event(
        self, account_id: int, event: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        release.wait(200)
        came_back.set()
