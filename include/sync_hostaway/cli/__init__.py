"""The command `sync-hostaway`."""

from __future__ import annotations
