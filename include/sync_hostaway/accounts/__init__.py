"""The account registry: which Hostaway accounts are mirrored, their state, and their secrets."""

from __future__ import annotations
