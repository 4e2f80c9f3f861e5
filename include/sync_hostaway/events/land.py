"""Lands the rows of a batch, and looks up rows that have landed before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.resources import Resource
from sync_hostaway.events.refetch import FetchResult
from sync_hostaway.landing.writer import Counts, Fetched, LandingWriter

_QUERIES = load_queries(Path(__file__).with_name("land.sql"))

Entity = tuple[Resource, str]


@dataclass(frozen=True)
class LandedRow:
    """A row of landing.

    :param observed_at: when the request that returned it was sent.
    """

    payload: dict[str, Any]
    observed_at: datetime
    is_deleted: bool


class DeltaLanding:
    """Landing of one account in one batch."""

    def __init__(self, connection: Connection, account_id: int, run_key: str) -> None:
        self._connection = connection
        self._account_id = account_id
        self._params = {"account_id": account_id, "run_key": run_key}

    def rows(self, entities: Iterable[Entity]) -> dict[Entity, LandedRow]:
        """The current rows; entities that have never landed are missing."""
        return {
            (resource, row.pop("entity_id")): LandedRow(**row)
            for resource, entity_ids in _by_resource(entities).items()
            for row in self._rows("landed", resource, entity_ids=entity_ids)
        }

    def land(
        self, results: Iterable[FetchResult], deleted_ids: Mapping[Resource, list[int]], started_at: datetime
    ) -> tuple[int, list[int]]:
        """Land all rows, with a row in the sync log per resource. Needs an open transaction.

        :param deleted_ids: ids of objects that Hostaway has deleted.
        :param started_at: start of the batch; rows that another process landed since are not marked as deleted.
        :returns: number of rows that are new, changed or marked as deleted; ids of the rows of the sync log.
        """
        responses: dict[Resource, list[Fetched]] = defaultdict(list)
        conversations: dict[int, tuple[frozenset[Any], datetime]] = {}
        counted: set[int] = set()
        for result in results:
            for resource, fetched in result.responses:
                responses[resource].append(fetched)
            for conversation, ids in result.conversations.items():
                conversations[conversation] = (ids, result.responses[0][1].observed_at)
            counted |= result.counted
        landed, sync_run_ids = 0, []
        # Parents before their children.
        for resource in (resource for resource in Resource if responses[resource] or deleted_ids.get(resource)):
            params = {**self._params, "resource": resource.value, "started_at": started_at}
            sync_run_id: int = fetch_value(self._connection, _QUERIES["open_run"], params)
            writer = LandingWriter(self._connection, self._account_id, resource, sync_run_id)
            counts = writer.land(responses[resource]) if responses[resource] else Counts()
            if deleted_ids.get(resource):
                counts.deleted += writer.mark_deleted([str(identity) for identity in deleted_ids[resource]], started_at)
            if resource is Resource.MESSAGES:
                # An empty conversation is not saved as read: the next sync reads its messages.
                seen = [str(identity) for conversation in counted for identity in conversations[conversation][0]]
                counts.deleted += writer.mark_deleted_unseen(seen, list(counted), started_at)
            self._execute("close_run", sync_run_id=sync_run_id, api_calls=len(responses[resource]), **asdict(counts))
            landed += counts.new + counts.changed + counts.deleted
            sync_run_ids.append(sync_run_id)
        for conversation in counted:
            ids, observed_at = conversations[conversation]
            self._execute(
                "conversation_fetched", conversation_id=conversation, messages=len(ids), observed_at=observed_at
            )
        return landed, sync_run_ids

    def loads(self, entities: Iterable[Entity], sync_run_ids: list[int]) -> dict[Entity, int]:
        """The loads of this batch by entity; unchanged entities are missing."""
        return {
            (resource, row["entity_id"]): row["load_id"]
            for resource, entity_ids in _by_resource(entities).items()
            for row in self._rows("loads_of_batch", resource, entity_ids=entity_ids, sync_run_ids=sync_run_ids)
        }

    def _rows(self, query: str, resource: Resource, **params: Any) -> list[dict[str, Any]]:
        named = _QUERIES[query].format(table=sql.Identifier("landing", resource.value))
        return self._connection.execute(named, {**self._params, **params}).fetchall()

    def _execute(self, query: str, **params: Any) -> None:
        self._connection.execute(_QUERIES[query], {**self._params, **params})


def _by_resource(entities: Iterable[Entity]) -> dict[Resource, list[str]]:
    found: dict[Resource, list[str]] = defaultdict(list)
    for resource, entity_id in entities:
        found[resource].append(entity_id)
    return found
