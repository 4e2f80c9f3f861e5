"""An event handler that keeps what it was told."""

from __future__ import annotations

from typing import Any

calls: list[tuple[str | None, Any, Any]] = []


class Handler:
    """Named in the settings of the tests."""

    def on_event(self, account_id: int, event: str | None, entity_before: Any, entity_after: Any) -> None:
        calls.append((event, entity_before, entity_after))
