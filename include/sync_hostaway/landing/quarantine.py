"""The quarantine: rows that did not land, and unreadable values of rows that did, with reason and payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sync_hostaway.core.db import Connection, load_queries

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class QuarantineEntry:
    """A row for the quarantine: rejected, or landed with an unreadable value."""

    entity_id: str | None
    severity: str
    reason: str
    payload: str
    payload_hash: bytes
    source_updated_at: datetime | None
    observed_at: datetime

    @property
    def is_rejected(self) -> bool:
        """Whether the row did not land."""
        return self.severity == "rejected"


def put_entries(
    connection: Connection, params: Mapping[str, Any], entries: Sequence[QuarantineEntry], landed_ids: Sequence[str]
) -> None:
    """Store entries, and settle earlier entries of rows that landed without errors.

    :param params: `account_id`, `resource` and `sync_run_id` of the rows.
    :param landed_ids: entity ids of all rows that landed, also those with an unreadable value.
    """
    # All processes write in this order, so that two of them with the same rows cause no deadlock.
    with connection.cursor() as cursor:
        cursor.executemany(
            _QUERIES["put_entry"],
            [
                {
                    **params,
                    "entity_id": entry.entity_id,
                    "severity": entry.severity,
                    "reason": entry.reason,
                    "payload": entry.payload,
                    "payload_hash": entry.payload_hash,
                }
                for entry in sorted(entries, key=lambda entry: entry.payload_hash)
            ],
        )
    if landed_ids:
        still_unreadable = [entry.payload_hash for entry in entries]
        connection.execute(
            _QUERIES["settle_entries"],
            {**params, "entity_ids": landed_ids, "still_unreadable": still_unreadable},
        )
