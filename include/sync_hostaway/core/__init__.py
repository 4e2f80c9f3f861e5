"""The lowest layer: settings, exceptions, access to PostgreSQL, the state directory and the consoles."""

from __future__ import annotations
