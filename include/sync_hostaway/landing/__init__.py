"""Raw payloads in PostgreSQL: validation, quarantine, the load ledger and the writer."""

from __future__ import annotations
