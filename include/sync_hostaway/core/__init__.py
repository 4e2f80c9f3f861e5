"""What everything else stands on: settings, exceptions, access to PostgreSQL, the home, the consoles."""

from __future__ import annotations
