"""Removes personal data for good: a whole account with all its rows, or one guest of an account.

Both wait for a running transform and block the next one, and both block landing of rows of the account. Erased data
stays erased although Hostaway may still have it: see `landing.redaction`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from psycopg import Error, errors, sql
from pydantic import BaseModel, Field

from sync_hostaway.accounts.registry import disable_account, get_account
from sync_hostaway.accounts.secrets.store import CLIENT_SECRET, secrets_store
from sync_hostaway.accounts.webhook_endpoints import find_endpoint
from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import UnknownAccount, UnknownGuest, WarehouseBusy
from sync_hostaway.core.settings import get_settings
from sync_hostaway.landing.redaction import Erasures, lock_for_erasure, redact_landed
from sync_hostaway.migrations import sql_files
from sync_hostaway.migrations.objects import created_objects
from sync_hostaway.privacy.traces import identifying_texts, pattern_of
from sync_hostaway.transcripts.names import fingerprint
from sync_hostaway.transforms.ledger import transform_lock
from sync_hostaway.webhook_admin.maintenance import unregister_webhook

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# Longer than a transform takes, shorter than a proxy waits.
_LOCK_TIMEOUT_SECONDS = 45
# A regular expression that matches nothing.
_NEVER = "(?!)"


class Purged(BaseModel, frozen=True):
    """What a purge removed."""

    account_id: int = Field(examples=[12345])
    rows: dict[str, int] = Field(description="Rows by table", examples=[{"hostaway.reservations": 1204}])
    left: list[str] = Field(description="Objects that an operator has to remove, as this server cannot", examples=[[]])


class ErasedGuest(BaseModel, frozen=True):
    """What was erased of a guest."""

    account_id: int = Field(examples=[12345])
    guest_id: int = Field(examples=[20009])
    reservations: int = Field(examples=[2])
    conversations: int = Field(examples=[1])
    transcripts: int = Field(default=0, description="Imported transcripts that were deleted", examples=[0])
    rows: int = Field(description="Landed rows whose personal data was removed", examples=[14])
    left: list[str] = Field(
        default_factory=list, description="What has to be removed by hand, outside of the database", examples=[[]]
    )


def purge_account(connection: Connection, account_id: int) -> Purged:
    """Remove an account with its secrets and all its rows, in all schemas. It may be repeated.

    :raises UnknownAccount: when it is not registered and was not purged either.
    :raises WarehouseBusy: when a transform runs for too long; the account is disabled, and the purge may be repeated.
    """
    try:
        disable_account(connection, account_id, "being purged")
    except UnknownAccount:
        if not fetch_value(connection, _QUERIES["is_purged"], {"account_id": account_id}):
            raise
    unregister_webhook(connection, account_id)
    endpoint = find_endpoint(connection, account_id)
    with _exclusive_access(connection, account_id):
        connection.execute(_QUERIES["note_purge"], {"account_id": account_id})
        left = _decisions(connection, account_id, None)
        rows = _delete_everywhere(connection, account_id)
        for query in ("forget_transform_errors", "forget_shared_alerts"):
            connection.execute(_QUERIES[query])
    # In a short transaction of its own, because permits wait for its lock.
    with connection.transaction():
        for query in ("lock_budget", "forget_whose_calls"):
            connection.execute(_QUERIES[query], {"account_id": account_id})
    if endpoint and endpoint.hostaway_id:
        left.append(f"Webhook {endpoint.hostaway_id} at Hostaway, which did not let it be removed")
    # The last step: a repeated purge needs it until here.
    if secret := secrets_store(connection).delete(account_id, CLIENT_SECRET):
        left.append(f"The API key: {secret}")
    forget_statistics(connection)
    left += exported_folders()
    return Purged(account_id=account_id, rows=rows, left=left)


def erase_guest(connection: Connection, account_id: int, guest_id: int) -> ErasedGuest:
    """Remove the personal data of a guest, also from every later sync.

    Reservations, conversations, messages, reviews and tasks stay as rows with ids, dates, prices and states; names,
    addresses, texts and everything else are removed. Transcripts of the guest are deleted, and also those of no
    reservation that have the guest's name; they are not imported again. Rows of the core tables are removed at once,
    and come back redacted with the next transform. A reservation that the same person makes later is another guest.

    :param guest_id: of `hostaway.guests`, or the id of any of the guest's reservations.
    :raises UnknownAccount: when the account is not registered.
    :raises UnknownGuest: when the account has no such guest.
    :raises WarehouseBusy: when a transform runs for too long, or changed reservations of the guest are not transformed
        yet; nothing was erased then.
    """
    get_account(connection, account_id)
    params = {"account_id": account_id, "guest_id": guest_id}
    with _exclusive_access(connection, account_id):
        reservations = _column(connection, "landed_reservation", params)
        if fetch_value(connection, _QUERIES["core_exists"]):
            linked = {*reservations, *_column(connection, "reservations_of_guest", params)}
            _refuse_outdated_links(connection, account_id, linked)
            reservations = sorted(linked)
        if not reservations:
            raise UnknownGuest(f"Account {account_id} has no guest {guest_id}")
        conversations = _column(connection, "conversations_of", {**params, "reservations": reservations})
        names = {
            fingerprint(account_id, name)
            for name in _column(connection, "names_of", {**params, "reservations": reservations})
        }
        found: dict[str, Any] = {
            **params,
            "reservations": reservations,
            "conversations": conversations,
            "fingerprints": sorted(names),
        }
        found["transcripts"] = _transcripts_of(connection, found)
        payloads = [row["payload"] for row in connection.execute(_QUERIES["payloads_of_guest"], found)]
        found["texts"] = pattern_of(identifying_texts(payloads)) or _NEVER
        found["ids"] = rf"(?<![0-9.])0*({'|'.join([*reservations, *conversations])})(?![0-9])"
        connection.execute(_QUERIES["save_erasure"], found)
        erased = Erasures(frozenset(reservations), frozenset(conversations))
        rows = redact_landed(connection, account_id, erased)
        for query in ("forget_quarantined", "empty_events", "settle_outbox", "delete_transcripts"):
            connection.execute(_QUERIES[query], found)
        _replace_texts(connection, found)
        left = _decisions(connection, account_id, reservations)
        _delete_from_core(connection, found)
    forget_statistics(connection)
    return ErasedGuest(
        account_id=account_id,
        guest_id=guest_id,
        reservations=len(reservations),
        conversations=len(conversations),
        transcripts=len(found["transcripts"]),
        rows=rows,
        left=[*left, *exported_folders()],
    )


def _transcripts_of(connection: Connection, found: Mapping[str, Any]) -> list[str]:
    """Transcripts of the reservations, and those of no reservation whose guest has the name."""
    named = [
        row["id"]
        for row in connection.execute(_QUERIES["transcripts_without_reservation"], found)
        if fingerprint(found["account_id"], row["guest_name"]) in found["fingerprints"]
    ]
    return sorted({*named, *_column(connection, "transcripts_of_reservations", found)})


def _refuse_outdated_links(connection: Connection, account_id: int, linked: Collection[str]) -> None:
    """Refuse to erase if a transform may change the links: a reservation may belong to another person now."""
    params = {"account_id": account_id, "reservations": sorted(linked)}
    changed = _column(connection, "changed_since_linked", params) if len(linked) > 1 else []
    if changed:
        raise WarehouseBusy(
            f"Reservations of this guest have changed since the last transform ({', '.join(changed[:5])}): they may be"
            " another guest's now. Run `sync-hostaway transform`, then erase. Nothing was erased"
        )


@contextmanager
def _exclusive_access(connection: Connection, account_id: int) -> Iterator[None]:
    """A transaction during which no transform runs, and no rows of the account land."""
    try:
        connection.execute(_QUERIES["set_lock_timeout"], {"lock_timeout": f"{_LOCK_TIMEOUT_SECONDS}s"})
        with transform_lock(connection), connection.transaction():
            lock_for_erasure(connection, account_id)
            yield
    except errors.LockNotAvailable:
        raise WarehouseBusy(
            f"Another process has been writing to the warehouse for {_LOCK_TIMEOUT_SECONDS} s: try again in a few "
            "minutes"
        ) from None
    finally:
        if not connection.closed:
            connection.execute(_QUERIES["set_lock_timeout"], {"lock_timeout": "0"})


def _delete_everywhere(connection: Connection, account_id: int) -> dict[str, int]:
    # The catalogue names the tables, so that a table that is added later is included.
    rows = {}
    for found in connection.execute(_QUERIES["tables_of_accounts"], {"migrated": _migrated_tables()}).fetchall():
        query = _QUERIES["delete_account_rows"].format(table=sql.Identifier(found["schema"], found["name"]))
        deleted = connection.execute(query, {"account_id": account_id}).rowcount
        if deleted:
            rows[f"{found['schema']}.{found['name']}"] = deleted
    return rows


def _migrated_tables() -> list[str]:
    """The tables that the migrations create, with their schemas."""
    created = [found for file in sql_files() for found in created_objects(file)]
    return [f"{schema}.{name}" for kind, schema, name in created if kind == "table"]


def _replace_texts(connection: Connection, found: Mapping[str, object]) -> None:
    """Replace every text in `ops` that quotes the guest, such as the error text of a sync."""
    if found["texts"] == _NEVER:
        return
    for table in connection.execute(_QUERIES["free_text_columns"], {"migrated": _migrated_tables()}).fetchall():
        # A table without accounts holds errors of all of them, such as those of transforms.
        of_account = _QUERIES["is_of_account"] if table["is_of_accounts"] else sql.SQL("true")
        for column in table["columns"]:
            query = _QUERIES["replace_text"].format(
                table=sql.Identifier(table["name"]), column=sql.Identifier(column), is_of_account=of_account
            )
            connection.execute(query, found)


def _decisions(connection: Connection, account_id: int, reservations: Sequence[str] | None) -> list[str]:
    """The seed file of decisions about guests, if it has a row of the account or of these reservations.

    The next transform would load such a row again.
    """
    params = {"account_id": account_id, "reservations": reservations}
    if not fetch_value(connection, _QUERIES["decisions_exist"]):
        return []
    has_rows = fetch_value(connection, _QUERIES["decisions_of_guest"], params)
    of_whom = "the account" if reservations is None else "these reservations"
    return [f"The rows of {of_whom} in dbt_project/seeds/guest_decisions.csv"] if has_rows else []


def exported_folders() -> list[str]:
    """The exports in the home. They are not changed, since a file may be in use."""
    folder = get_settings().home / "exports"
    found = sorted(path for kind in folder.glob("*") for path in kind.glob("*"))
    return [f"{len(found)} exports in {folder}"] if found else []


def forget_statistics(connection: Connection) -> None:
    """Replace the statistics of the planner, which hold frequent values of columns, such as names.

    ANALYZE keeps those of an empty table. PostgreSQL 18 and later can remove them; before that, they stay until rows
    are there again. Only owners of the tables can read them. A failure is logged: the rows are gone by then, and
    autovacuum replaces the statistics later.
    """
    for table in connection.execute(_QUERIES["our_tables"], {"migrated": _migrated_tables()}).fetchall():
        name = sql.Identifier(table["schema"], table["name"])
        try:
            connection.execute(_QUERIES["analyze"].format(table=name))
            has_rows = fetch_value(connection, _QUERIES["has_rows"].format(table=name))
            if not has_rows and connection.info.server_version >= 180_000:
                connection.execute(_QUERIES["forget_statistics"], table)
        except Error as error:
            log.warning("statistics_not_replaced", table=f"{table['schema']}.{table['name']}", error=str(error))


def _delete_from_core(connection: Connection, found: Mapping[str, object]) -> None:
    keys = {
        "reservation_id": sql.SQL("{} = any(%(reservations)s::bigint[])"),
        "conversation_id": sql.SQL("{} = any(%(conversations)s::bigint[])"),
        "guest_id": sql.SQL("{} = any(%(reservations)s::bigint[])"),
        "transcript_id": sql.SQL("{} = any(%(transcripts)s::text[])"),
    }
    for table in connection.execute(_QUERIES["core_tables_of_guests"]).fetchall():
        belongs = sql.SQL(" or ").join(keys[column].format(sql.Identifier(column)) for column in table["columns"])
        name = sql.Identifier(table["schema"], table["name"])
        connection.execute(_QUERIES["delete_guest_rows"].format(table=name, belongs=belongs), found)


def _column(connection: Connection, query: str, params: Mapping[str, object]) -> Sequence[str]:
    return [row["id"] for row in connection.execute(_QUERIES[query], params)]
