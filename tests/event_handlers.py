"""Event handlers of a user, for the tests."""

from __future__ import annotations

import threading
from typing import Any

calls: list[tuple[Any, ...]] = []
release, returned = threading.Event(), threading.Event()


class RecordingHandler:
    """Stores the events that it receives."""

    def on_event(
        self, account_id: int, event: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        calls.append((account_id, event, before and before.get("hostNote"), after and after.get("hostNote")))


class FailingHandler(RecordingHandler):
    """Fails at every event."""

    def on_event(
        self, account_id: int, event: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        super().on_event(account_id, event, before, after)
        raise RuntimeError("an error of the handler")


class BlockedHandler:
    """Does not come back."""

    def on_event(
        self, account_id: int, event: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        release.wait(200)
        returned.set()
