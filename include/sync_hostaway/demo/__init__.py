"""The demo: two simulated accounts, end to end, and what landed."""

from __future__ import annotations
