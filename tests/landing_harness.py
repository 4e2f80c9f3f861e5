"""A harness to land rows with, and to see what became of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from sync_hostaway.core.db import Connection
from sync_hostaway.transforms import TransformResult, find_project, run_transform

PARENTS = {"messages": "conversationId", "calendar_days": "listingMapId", "reservation_logs": "reservationId"}


class LandingHarness:
    """Lands payloads the way a sync does, one load per call, and looks at what became of them."""

    def __init__(self, connection: Connection, dsn: str) -> None:
        self.connection = connection
        self.dsn = dsn

    def land(self, resource: str, *payloads: dict[str, Any], account: int = 1, deleted: bool = False) -> int:
        with self.connection.transaction(), self.connection.cursor(row_factory=scalar_row) as cursor:
            load_id = cursor.execute(
                "insert into ops.loads (account_id, resource) values (%s, %s) returning load_id", (account, resource)
            ).fetchone()
            for payload in payloads:
                entity = payload.get("id")
                if resource == "calendar_days":
                    entity = f"{payload['listingMapId']}:{payload['date']}"
                elif resource == "reservation_logs":
                    entity = f"{payload['source']}:{payload['id']}"
                cursor.execute(
                    sql.SQL(
                        """
                        insert into landing.{} as present
                            (account_id, entity_id, parent_id, payload, payload_hash, observed_at, load_id, deleted_at)
                        values (%(account)s, %(entity)s, %(parent)s, %(payload)s, '', now(), %(load)s, %(deleted)s)
                        on conflict (account_id, entity_id) do update set
                            payload = excluded.payload,
                            load_id = excluded.load_id,
                            landed_at = now(),
                            deleted_at = excluded.deleted_at
                        """
                    ).format(sql.Identifier(resource)),
                    {
                        "account": account,
                        "entity": str(entity),
                        "parent": payload.get(PARENTS.get(resource, "")),
                        "payload": json.dumps(payload),
                        "load": load_id,
                        "deleted": "2026-01-01" if deleted else None,
                    },
                )
        assert isinstance(load_id, int)
        return load_id

    def transform(self, **options: Any) -> TransformResult:
        return run_transform(self.dsn, requested_by="test", **options)

    def drop_views(self) -> None:
        """As in an older version's database: today's views would keep columns from being changed."""
        views = "select format('%I.%I', schemaname, viewname) from pg_views where schemaname in ('staging', 'marts')"
        for (view,) in self.rows(views):
            self.connection.execute(sql.SQL("drop view if exists {} cascade").format(sql.SQL(view)))

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query, parameters or None).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        return self.rows(query, *parameters)[0][0]


def listing(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "name": f"Listing {number}", "currencyCode": "EUR", **fields}


def reservation(number: int, listing_id: int | None = 1, /, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "listingMapId": listing_id,
        "status": "new",
        "arrivalDate": "2026-03-01",
        "departureDate": "2026-03-04",
        "nights": 3,
        "reservationDate": "2026-01-01 10:00:00",
        **fields,
    }


def edited_project(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the project in which one file says something else."""
    project = folder / "dbt_project"
    shutil.copytree(find_project(), project, ignore=shutil.ignore_patterns("target", "logs"))
    text = (project / file).read_text(encoding="utf-8")
    assert old in text
    (project / file).write_text(text.replace(old, new), encoding="utf-8")
    return project


def next_version(folder: Path) -> Path:
    """A copy of the project that is another version of it, and makes the same rows."""
    return edited_project(folder, "dbt_project.yml", "data_tests:", "vars: {edition: 2}\n\ndata_tests:")
