"""A purge and an erasure leave nothing: values of one account or guest are planted everywhere, and searched everywhere.

The search reads every column of every table of every schema, the statistics of the planner, and every file below the
home. It names no table, so that a table that is added later is searched, too.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from psycopg import sql

from sync_hostaway.accounts import api_tokens, registry
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode
from sync_hostaway.core.settings import get_settings
from sync_hostaway.exports.tables import Format, export_tables
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.privacy.erase import erase_guest, purge_account
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.transforms import run_transform

pytestmark = pytest.mark.integration

NAME, LAST_NAME, EMAIL = "Zoë O'Brien-Quaak", "O'Brien-Quaak", "zoe.quaak@mail.example"
PHONE = "+49 (171) 555-0199"
NOTE = "mangrove note"
GUEST = {
    "guestName": NAME,
    "guestFirstName": "Zoë",
    "guestLastName": LAST_NAME,
    "guestEmail": EMAIL,
    "phone": PHONE,
    "guestAddress": "Quaakweg 12",
    "hostNote": NOTE,
    "guestNote": NOTE,
    "comment": NOTE,
    "reservationUnit": [{"id": 5, "guestName": NAME}],
    "customFieldValues": [{"customFieldId": 9, "value": NOTE}],
    "newField": {"deep": [{"guest": {"name": NAME, "phone": PHONE}}]},
}
# Each planted text has one of these, in any writing.
NEEDLES = ("quaak", "1715550199", "mangrove")
_HEX = re.compile(r"\\\\?x([0-9a-f]{8,})")
_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")


def plain(text: str) -> str:
    """A text without the ways in which JSON, URLs, HTML and bytea write it; numbers without separators."""
    text = _HEX.sub(lambda found: bytes.fromhex(found[1][: len(found[1]) // 2 * 2]).decode("utf-8", "replace"), text)
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    text = normalize("NFKC", html.unescape(unquote_plus(text))).casefold()
    return re.sub(r"(?<=\d)[\s()./+-]+(?=\d)", "", text)


def holds(text: str, needles: tuple[str, ...]) -> bool:
    found = plain(text)
    return any(needle in found for needle in needles)


def places_of(warehouse: Connection, needles: tuple[str, ...]) -> set[str]:
    """The tables, and the files below the home, that hold one of the texts."""
    relations = warehouse.execute(
        """
        select namespaces.nspname as schema, relations.relname as name
        from pg_class as relations inner join pg_namespace as namespaces on relations.relnamespace = namespaces.oid
        where relations.relkind in ('r', 'm', 'f') and namespaces.nspname not in ('pg_catalog', 'pg_toast')
        union all
        select 'pg_catalog', unnest(array['pg_stats', 'pg_description', 'pg_largeobject'])
        """
    ).fetchall()
    found = set()
    for relation in relations:
        query = sql.SQL("select whole::text as row from {} as whole")
        if relation["name"] == "pg_stats":
            query = sql.SQL("select whole::text as row from {} as whole where schemaname not like 'pg_%%'")
        rows = warehouse.execute(query.format(sql.Identifier(relation["schema"], relation["name"])), {})
        if any(holds(row["row"], needles) for row in rows):
            found.add(f"{relation['schema']}.{relation['name']}")
    home = get_settings().home
    for file in home.rglob("*"):
        if file.is_file() and holds(file.read_bytes().decode("utf-8", "replace"), needles):
            found.add(str(file.relative_to(home)))
    return found


def parse_dag_files() -> None:
    """Does what each parse of the Dag files does with the account list on this machine."""
    assert refreshed_snapshot(get_settings().snapshot_file).accounts


def command(*arguments: str, log: Path, code: int = 0) -> None:
    """A command as an operator runs it, with all log lines in a file. Its output is for the operator only."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        done = subprocess.run(
            [sys.executable, "-c", "from sync_hostaway.cli.main import app; app()", "--debug", *arguments],
            env={**os.environ, "LOG_FORMAT": "json"},
            stdout=subprocess.DEVNULL,
            stderr=stream,
            check=False,
            timeout=240,
        )
    assert done.returncode == code, log.read_text()[-3000:]


def plant_texts(warehouse: Connection, account: int, reservation: int, conversation: int) -> None:
    """The guest in each table of `ops` that holds a text or a body, in many writings."""
    quoted = f"422 for {NAME} <{EMAIL}>, {PHONE}"
    nested = json.dumps({"outer": [{"reservation": {"id": f" {reservation}.0", "guestName": NAME}}]}, indent=2)
    bodies = {
        "done": nested.encode(),
        "unreadable": f'{{"data": {{"guest": "{NAME.upper()}'.encode(),
        "ignored": f"payload={quote_plus(json.dumps({'name': NAME}))}".encode(),
        "dead": html.escape(json.dumps({"message": quoted})).encode("ascii", "xmlcharrefreplace"),
    }
    for state, body in bodies.items():
        warehouse.execute(
            "insert into ops.webhook_events (account_id, content_hash, state, body, reason, finished_at)"
            " values (%s, sha256(%s), %s, %s, %s, now())",
            [account, body, state, body, quoted],
        )
    payloads = {"nested": nested, "cut off": nested[:-20], "no id": json.dumps({"name": NAME}), "url": quote(quoted)}
    for reason, payload in payloads.items():
        warehouse.execute(
            "insert into ops.quarantine (account_id, resource, entity_id, severity, reason, payload, payload_hash)"
            " values (%s, 'reservations', %s, 'rejected', %s, %s, sha256(convert_to(%s, 'UTF8')))",
            [account, None if reason == "no id" else "999999", f"{reason}: {quoted}", payload, payload],
        )
    warehouse.execute(
        """
        insert into ops.sync_runs (account_id, run_key, resource, mode, status, finished_at, error, note)
        values (%(account)s, 'planted', 'reservations', 'incremental', 'failed', now(), %(text)s, %(text)s);
        """,
        {"account": account, "text": quoted},
    )
    for query in (
        "insert into ops.transforms (state, error, finished_at) values ('failed', %(text)s, now())",
        "insert into ops.alerts (kind, account_id, severity, summary, remedy)"
        " values ('sync_failing', %(account)s, 'error', %(text)s, %(text)s)",
        "insert into ops.alerts (kind, severity, summary, remedy) values ('transform', 'error', %(text)s, 'x')",
        "insert into ops.outbox (account_id, idempotency_key, request_hash, reservation_id, conversation_id,"
        " channel_type, body, state, reason) values (%(account)s, 'key', sha256('x'), %(reservation)s,"
        " %(conversation)s, 'email', %(text)s, 'unknown', %(text)s)",
        "insert into ops.deferred_rows (account_id, resource, entity_id, missing_parent)"
        " values (%(account)s, 'messages', '999999', %(text)s)",
        "insert into ops.polls (account_id, error) values (%(account)s, %(text)s)"
        " on conflict (account_id) do update set error = excluded.error",
        "insert into ops.account_changes (account_id, what, after) values (%(account)s, 'state', %(text)s)",
    ):
        params = {"account": account, "text": quoted, "reservation": reservation, "conversation": conversation}
        warehouse.execute(query, params)


def import_transcript(folder: Path, account: int, log: Path, code: int = 0) -> None:
    """A conversation with the guest in a file of another system."""
    file = folder / "conversations" / "Somewhere" / f"{NAME}_2025-05-11_conversation.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"Guest: {NAME}\n\n[2025-05-10 10:00] Guest: {NOTE}\nHost: {PHONE}", encoding="utf-8")
    command("import-transcripts", str(folder), "--account", str(account), "--transform", log=log, code=code)


@pytest.fixture
def planted(warehouse: Connection, account: int, simulator: RunningSimulator, tmp_path: Path) -> dict[str, Any]:
    """An account with a guest who is in every resource, history, transcript, text, log, export and decision."""
    control = simulator.control
    conversation = next(row for row in control.objects("conversations", account) if row.get("reservationId"))
    reservation = int(conversation["reservationId"])
    log = get_settings().home / "logs" / "commands.log"
    for fields in ({**GUEST, "totalPrice": 100}, {**GUEST, "totalPrice": 200}):
        control.patch("reservations", reservation, fields, account_id=account)
        control.patch(
            "conversations", conversation["id"], {"recipientName": NAME, "recipientEmail": EMAIL}, account_id=account
        )
        control.create(
            "messages", {"conversationId": conversation["id"], "body": f"{NOTE} {NAME}"}, account_id=account, emit=False
        )
        for kind, texts in {
            "reviews": {"publicReview": NOTE, "guestName": NAME},
            "tasks": {"title": NAME, "description": NOTE},
        }.items():
            number = control.objects(kind, account)[0]["id"]
            control.patch(kind, number, {"reservationId": reservation, **texts}, account_id=account)
        command("sync", "--account", str(account), "--mode", "full", "--transform", log=log)
    import_transcript(tmp_path / "old system", account, log)
    plant_texts(warehouse, account, reservation, int(conversation["id"]))
    warehouse.execute(
        "insert into staging.guest_decisions (account_id, reservation_id, decision, person)"
        " values (%s, %s, 'split', %s)",
        [account, reservation, NAME],
    )
    warehouse.execute("analyze")
    export_tables(warehouse, get_settings().home / "exports" / "tables" / "one", file_format=Format.CSV)
    return {"reservation": reservation, "folder": tmp_path / "old system", "log": log}


def test_an_erased_guest_is_left_nowhere(warehouse: Connection, account: int, planted: dict[str, Any]) -> None:
    before = places_of(warehouse, NEEDLES)
    assert before > {
        "landing.reservations",
        "landing.conversations",
        "landing.messages",
        "landing.transcripts",
        "hostaway.reservations",
        "hostaway.guests",
        "hostaway.messages",
        "ops.quarantine",
        "ops.webhook_events",
        "ops.sync_runs",
        "ops.resource_states",
        "ops.outbox",
        "ops.alerts",
        "ops.transforms",
        "ops.polls",
        "ops.deferred_rows",
        "staging.guest_decisions",
        "pg_catalog.pg_stats",
    }
    erased = erase_guest(warehouse, account, planted["reservation"])
    exports = {place for place in before if place.startswith("exports/")}
    assert exports
    assert places_of(warehouse, NEEDLES) - exports == set()
    # What is not in the database is named, for the operator to delete.
    assert [text for text in erased.left if "1 exports" in text]
    assert [text for text in erased.left if "guest_decisions.csv" in text]
    # Hostaway still has the guest.
    command("sync", "--account", str(account), "--mode", "full", "--transform", log=planted["log"])
    # The only file is of the guest, and is not imported again.
    import_transcript(planted["folder"], account, planted["log"], code=1)
    warehouse.execute("analyze")
    assert places_of(warehouse, NEEDLES) - exports == set()
    [kept] = warehouse.execute(
        "select count(*) as n from hostaway.reservations where reservation_id = %s and total_price = 200",
        [planted["reservation"]],
    )
    assert kept["n"] == 1, "figures stay"


def test_a_purged_account_is_left_nowhere(
    warehouse: Connection, account: int, planted: dict[str, Any], simulator: RunningSimulator
) -> None:
    registry.add_account(warehouse, 702, "secret-702")
    assert all(result.is_complete for result in sync_account(warehouse, 702, Mode.FULL))
    run_transform(warehouse, requested_by="test")
    registry.rename_account(warehouse, account, "Quaak Rentals")
    api_tokens.issue(warehouse, account, "quaak app", [Scope.READ_CALENDAR], None)
    parse_dag_files()
    before = places_of(warehouse, NEEDLES)
    assert {"ops.accounts", "ops.account_changes", "ops.api_tokens", "accounts.json"} <= before
    others = warehouse.execute("select count(*) as n from landing.reservations where account_id = 702").fetchone()
    purged = purge_account(warehouse, account)
    parse_dag_files()
    exports = {place for place in before if place.startswith("exports/")}
    assert places_of(warehouse, NEEDLES) - exports == set()
    assert [text for text in purged.left if "exports" in text]
    assert [text for text in purged.left if "guest_decisions.csv" in text]
    now = warehouse.execute("select count(*) as n from landing.reservations where account_id = 702").fetchone()
    assert now == others
