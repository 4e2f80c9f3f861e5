"""Messages to guests: each is sent at most once per idempotency key."""

from __future__ import annotations
