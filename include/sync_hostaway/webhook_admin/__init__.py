"""Hostaway's webhooks as they are registered: their addresses and passwords, registration, the delivery log."""

from __future__ import annotations
