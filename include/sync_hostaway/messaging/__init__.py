"""Messages to guests. Each is sent at most once per idempotency key."""

from __future__ import annotations
