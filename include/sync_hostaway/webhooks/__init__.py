"""Hostaway's webhooks: the address of each account, the inbox, asking for delta runs, registration and upkeep."""

from __future__ import annotations

MOUNT = "/hostaway/webhooks"
"""Where the API server serves the receiver."""
