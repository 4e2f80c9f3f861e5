"""Transcripts: imported once, linked where it is certain, searchable, and gone with their guest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.cli import main as cli
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.core.settings import get_settings
from sync_hostaway.exports.tables import export_tables
from sync_hostaway.exports.training_data import export_training_data
from sync_hostaway.privacy.erase import erase_guest, purge_account
from sync_hostaway.transcripts.importer import ImportReport, Options, import_transcripts

pytestmark = pytest.mark.integration

HEADER = "GUEST CONVERSATION\nGuest: {guest}\nListing: {listing}\nCheck-in Date: 2025-05-11\n\n"


def write(folder: Path, place: str, text: str | bytes = "[2025-05-10 10:00] Guest: Is there wifi?\nHost: yes") -> Path:
    file = folder / "conversations" / f"{place}_conversation.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def stay(number: int, listing_id: int, guest: str, **fields: Any) -> dict[str, Any]:
    dates = {"arrivalDate": "2025-05-11", "departureDate": "2025-05-14"}
    return reservation(number, listing_id, guestName=guest, **{**dates, **fields})


@pytest.fixture
def mirrored(harness: LandingHarness) -> LandingHarness:
    """Account 1 with three listings, two of one name, and account 2 with one of its own."""
    harness.connection.execute("insert into ops.accounts (account_id) values (1), (2)")
    harness.land(
        "listings",
        listing(1, name="Lake/House", internalListingName="LH 1"),
        listing(2, name="Twin"),
        listing(3, name="Twin"),
    )
    harness.land("listings", listing(9, name="Harbour"), account=2)
    harness.land(
        "reservations",
        stay(10, 1, "Ann Smith"),
        stay(11, 1, "José Núñez", arrivalDate="2025-06-01", departureDate="2025-06-05"),
        stay(12, 1, "Bo Twice"),
        stay(13, 1, "Bo Twice"),
        stay(14, 1, "安藤 美咲", arrivalDate="2025-07-01", departureDate="2025-07-02"),
    )
    harness.transform()
    return harness


def run(harness: LandingHarness, folder: Path, **options: Any) -> ImportReport:
    return import_transcripts(harness.connection, folder, Options(**options))


def links(harness: LandingHarness) -> dict[str, tuple[Any, ...]]:
    rows = harness.rows(
        "select file_name, account_id, listing_id, reservation_id, stay_date::text from hostaway.transcripts"
    )
    return {row[0].removesuffix("_conversation.txt"): row[1:] for row in rows}


def state(harness: LandingHarness) -> list[tuple[Any, ...]]:
    return harness.rows("select account_id, entity_id, load_id, landed_at, payload from landing.transcripts order by 2")


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(file): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in folder.rglob("*.txt")
    }


def test_what_fits_is_linked_and_what_fits_twice_is_not(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    write(tmp_path, "Lake_House/José_Núñez_2025-06-03")
    write(tmp_path, "LH 1/安藤_美咲_2025-07-01")
    write(tmp_path, "Lake_House/Bo Twice_2025-05-11")
    write(tmp_path, "Lake_House/Ann Smith_2025-05-30")
    write(tmp_path, "Twin/Ann Smith_2025-05-11")
    write(tmp_path, "Harbour/Kim Lee_unknown_date")
    write(tmp_path, "Sold/Ann Smith_2025-05-11")
    report = run(mirrored, tmp_path)
    assert (report.new, report.not_imported, report.messages) == (7, 1, 14)
    mirrored.transform()
    assert links(mirrored) == {
        "Lake_House/Ann Smith_2025-05-11": (1, 1, 10, "2025-05-11"),
        "Lake_House/José_Núñez_2025-06-03": (1, 1, 11, "2025-06-03"),
        "LH 1/安藤_美咲_2025-07-01": (1, 1, 14, "2025-07-01"),
        "Lake_House/Bo Twice_2025-05-11": (1, 1, None, "2025-05-11"),
        "Lake_House/Ann Smith_2025-05-30": (1, 1, None, "2025-05-30"),
        "Twin/Ann Smith_2025-05-11": (1, None, None, "2025-05-11"),
        "Harbour/Kim Lee_unknown_date": (2, 9, None, None),
    }
    said = {
        (problem.file.split("/", 1)[1].removesuffix("_conversation.txt"), problem.reason) for problem in report.problems
    }
    assert said >= {
        ("Lake_House/Bo Twice_2025-05-11", "several reservations of 'Bo Twice' on 2025-05-11: 12, 13"),
        ("Lake_House/Ann Smith_2025-05-30", "no reservation of 'Ann Smith' at this listing on 2025-05-30"),
        ("Twin/Ann Smith_2025-05-11", "several listings are called 'Twin': 2, 3"),
        ("Sold/Ann Smith_2025-05-11", "no account has a listing 'Sold'. Name the account: --account"),
        (
            "Harbour/Kim Lee_unknown_date",
            "neither the name of the file nor its header has the date of the stay",
        ),
    }
    again = run(mirrored, tmp_path, account_id=1)
    assert {problem.reason for problem in again.problems if "Sold" in problem.file} == {"no listing 'Sold'"}


def test_of_listings_with_one_name_the_one_with_the_stay_is_linked(mirrored: LandingHarness, tmp_path: Path) -> None:
    mirrored.land("reservations", stay(15, 3, "Cy Only"), stay(16, 2, "Di Both"), stay(17, 3, "Di Both"))
    mirrored.transform()
    write(tmp_path, "Twin/Cy Only_2025-05-11")
    write(tmp_path, "Twin/Di Both_2025-05-11")
    report = run(mirrored, tmp_path)
    mirrored.transform()
    assert links(mirrored) == {
        "Twin/Cy Only_2025-05-11": (1, 3, 15, "2025-05-11"),
        "Twin/Di Both_2025-05-11": (1, None, None, "2025-05-11"),
    }
    assert {problem.reason for problem in report.problems if "Cy" in problem.file} == set()


def test_a_second_import_changes_nothing_and_no_file_is_touched(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    odd = write(tmp_path, "Lake_House/Kim Lee_2025-05-12", "Guest: Grüße".encode("cp1252"))
    before = digests(tmp_path)
    assert run(mirrored, tmp_path, dry_run=True).new == 2
    assert state(mirrored) == []
    assert run(mirrored, tmp_path).new == 2
    mirrored.transform()
    first = state(mirrored)
    # the folder itself may have another place
    report = run(mirrored, tmp_path / "conversations")
    assert (report.new, report.changed, report.unchanged) == (0, 0, 2)
    assert state(mirrored) == first
    assert mirrored.transform().transform_id is None
    assert digests(tmp_path) == before
    odd.write_text("Guest: Grüße\nHost: Hi\nGuest: Bye")
    assert run(mirrored, tmp_path).changed == 1
    mirrored.transform()
    odd.write_text("Guest: Grüße\nHost: Hi")
    run(mirrored, tmp_path)
    mirrored.transform()
    rows = mirrored.rows(
        "select message_number, body, messages.is_deleted from hostaway.transcript_messages as messages"
        " inner join hostaway.transcripts using (account_id, transcript_id) where guest_name = 'Kim Lee' order by 1"
    )
    assert rows == [(1, "Grüße", False), (2, "Hi", False), (3, None, True)]


def test_a_link_is_added_when_its_reservation_has_come(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Harbour/Kim Lee_2025-05-11")
    run(mirrored, tmp_path)
    mirrored.transform()
    mirrored.land("reservations", stay(90, 9, "Kim Lee"), account=2)
    mirrored.transform()
    assert run(mirrored, tmp_path).changed == 1
    mirrored.transform()
    assert links(mirrored)["Harbour/Kim Lee_2025-05-11"] == (2, 9, 90, "2025-05-11")


def test_bad_files_are_reported_and_the_others_imported(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(
        tmp_path,
        "Lake_House/Ann Smith_2025-05-11",
        HEADER.format(guest="Ann Smith", listing="Lake/House") + "Guest: Hi",
    )
    write(tmp_path, "Lake_House/Empty_2025-05-11", "")
    write(tmp_path, "Lake_House/Zero_2025-05-11", b"\x00\x01")
    write(tmp_path, "Lake_House/Odd_2025-05-11", "???\n[2025-99-99 10:00] Guest: Hi")
    (tmp_path / "conversations" / "Lake_House" / "notes.txt").write_text("x")
    locked = tmp_path / "conversations" / "Lake_House" / "Gone_2025-05-11_conversation.txt"
    locked.symlink_to(tmp_path / "nowhere")
    report = run(mirrored, tmp_path)
    assert (report.files, report.not_imported) == (2, 4)
    said = {(Path(p.file).name.partition("_")[0], p.line, p.is_imported): p.reason for p in report.problems}
    assert said["Empty", None, False] == "no message was found"
    assert said["Zero", None, False] == "no text: it has zero bytes"
    assert said["Odd", 1, True] == "not understood: it belongs to no message"
    assert said["Odd", 2, True] == "the date 2025-99-99 does not exist"
    assert "No such file" in said["Gone", None, False]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidValue, match="has no file whose name ends in"):
        run(mirrored, tmp_path / "empty")


def test_both_sources_are_searched_by_an_index(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    run(mirrored, tmp_path)
    mirrored.land("conversations", {"id": 1, "reservationId": 11, "listingMapId": 1})
    mirrored.land(
        "messages",
        {
            "id": 1,
            "conversationId": 1,
            "listingMapId": 1,
            "reservationId": 11,
            "body": "<p>The WLAN is slow</p>",
            "isIncoming": 1,
        },
    )
    mirrored.transform()
    query = (
        "select source, listing_id, guest_id from marts.conversation_texts"
        " where account_id = 1 and is_incoming and search_words @@ websearch_to_tsquery('simple', 'wifi or wlan')"
    )
    assert sorted(mirrored.rows(query)) == [("hostaway", 1, 11), ("transcript", 1, 10)]
    mirrored.connection.execute("set enable_seqscan = off; set enable_indexscan = off")
    plan = "\n".join(
        row["QUERY PLAN"]
        for row in mirrored.connection.execute(
            "explain select body_text from marts.conversation_texts"
            " where search_words @@ websearch_to_tsquery('simple', 'wifi')"
        )
    )
    assert plan.count("Bitmap Index Scan") == 2, plan


def test_an_account_sees_its_own_transcripts_only(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    write(tmp_path, "Harbour/Kim Lee_2025-05-11")
    run(mirrored, tmp_path)
    mirrored.transform()
    for table in ("transcripts", "transcript_messages"):
        with mirrored.connection.transaction():
            mirrored.connection.execute("set local role hostaway_api; set local hostaway.account_id = '2'")
            seen = mirrored.connection.execute(f"select distinct account_id from hostaway.{table}").fetchall()
        assert seen == [{"account_id": 2}]
    files = export_tables(
        mirrored.connection, tmp_path / "out", names=["transcripts", "conversation_texts"], account_id=1
    )
    assert [file.rows for file in files] == [1, 2]


def test_an_erased_guest_stays_out(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    write(tmp_path, "Lake_House/Ann Smith_unknown_date")
    write(tmp_path, "Lake_House/José Núñez_2025-06-01")
    run(mirrored, tmp_path)
    mirrored.transform()
    assert erase_guest(mirrored.connection, 1, 10).transcripts == 2
    for _ in range(2):
        names = (
            "select guest_name from hostaway.transcripts union select payload ->> 'guestName' from landing.transcripts"
        )
        assert mirrored.rows(names) == [("José Núñez",)]
        assert mirrored.rows(
            "select distinct sender from hostaway.transcript_messages where body like 'Is there%'"
        ) == [("guest",)]
        report = run(mirrored, tmp_path)
        assert (report.new, report.not_imported) == (0, 2)
        mirrored.transform()
    # a file under another name, of the same stay
    write(tmp_path, "Lake_House/A. Smith_2025-05-11")
    reasons = {p.reason for p in run(mirrored, tmp_path).problems if "A. Smith" in p.file}
    assert any("was erased" in reason for reason in reasons), reasons
    # another person of the name, whose reservation is certain
    mirrored.land("reservations", stay(20, 1, "Ann Smith", arrivalDate="2025-09-01", departureDate="2025-09-02"))
    mirrored.transform()
    write(tmp_path, "Lake_House/Ann Smith_2025-09-01")
    assert run(mirrored, tmp_path).new == 1


def test_a_purged_account_takes_its_transcripts_along(
    mirrored: LandingHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS", Fernet.generate_key().decode())
    get_settings.cache_clear()
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    write(tmp_path, "Harbour/Kim Lee_2025-05-11")
    run(mirrored, tmp_path)
    mirrored.transform()
    purge_account(mirrored.connection, 1)
    for table in ("landing.transcripts", "hostaway.transcripts", "hostaway.transcript_messages"):
        assert mirrored.value(f"select array_agg(distinct account_id) from {table}") == [2]


def test_the_command_reports_as_json(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(tmp_path, "Lake_House/Ann Smith_2025-05-11")
    (tmp_path / "conversations" / "Lake_House" / "notes.txt").write_text("x")
    shown = CliRunner().invoke(cli.app, ["import-transcripts", str(tmp_path), "--json", "--transform"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert {key: found[key] for key in ("files", "new", "with_listing", "with_reservation", "not_imported")} == {
        "files": 1,
        "new": 1,
        "with_listing": 1,
        "with_reservation": 1,
        "not_imported": 1,
    }
    assert found["problems"] == [
        {
            "file": "conversations/Lake_House/notes.txt",
            "line": None,
            "reason": "its name does not end in _conversation.txt",
            "is_imported": False,
        }
    ]
    assert links(mirrored)["Lake_House/Ann Smith_2025-05-11"] == (1, 1, 10, "2025-05-11")
    plain = CliRunner().invoke(cli.app, ["import-transcripts", str(tmp_path), "--dry-run"])
    assert "1 transcript: 0 new, 0 changed, 1 unchanged; 1 not imported." in plain.stdout
    assert CliRunner().invoke(cli.app, ["import-transcripts", str(tmp_path), "--time-zone", "Mars"]).exit_code == 2


def test_training_data_names_the_source_and_has_no_conversation_twice(mirrored: LandingHarness, tmp_path: Path) -> None:
    write(
        tmp_path,
        "Lake_House/Ann Smith_2025-05-11",
        "Guest: Ann Smith here, who are you?\nMaria Trask: Maria Trask, hello",
    )
    write(tmp_path, "Lake_House/José Núñez_2025-06-01")
    run(mirrored, tmp_path)
    mirrored.land("conversations", {"id": 1, "reservationId": 11, "listingMapId": 1})
    mirrored.land("messages", {"id": 1, "conversationId": 1, "reservationId": 11, "body": "Hola", "isIncoming": 1})
    mirrored.transform()
    manifest = export_training_data(mirrored.connection, tmp_path / "out")
    [found] = [
        json.loads(line)
        for file in (tmp_path / "out").glob("conversations.*")
        for line in file.read_text().splitlines()
    ]
    assert found["source"] == "transcript"
    assert [message["role"] for message in found["messages"]] == ["user", "assistant"]
    assert not {"Ann", "Smith", "Maria", "Trask"} & set(json.dumps(found).replace('"', " ").replace(",", " ").split())
    assert manifest["left_out"]["transcripts_of_mirrored_conversations"] == 1
