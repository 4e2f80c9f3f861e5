"""Imports a folder of transcripts: reads each file, links it, and lands what is new or has changed.

Files are only read. A transcript is known by its listing folder and file name, so a second import of the same files
changes nothing; a file that has changed replaces its earlier import.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, tzinfo
from pathlib import Path
from typing import Any

from sync_hostaway.accounts.registry import get_account, list_accounts
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.landing.redaction import erasures_of
from sync_hostaway.transcripts.files import TranscriptFile, find_files, is_transcript, of_path, read_text, text_of
from sync_hostaway.transcripts.header import Note
from sync_hostaway.transcripts.links import Link, Linker, NotImportable
from sync_hostaway.transcripts.stamps import DateOrder
from sync_hostaway.transcripts.text import TranscriptText, read_transcript

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_BATCH = 200


@dataclass(frozen=True)
class Options:
    """How files are read.

    :param account_id: of all files; None: the account that has the listing.
    :param encoding: of files that are not UTF-8; None: it is guessed and reported.
    :param dates: what 05/06/2025 means.
    :param zone: time zone of times that name none.
    """

    account_id: int | None = None
    encoding: str | None = None
    dates: DateOrder = DateOrder.AUTO
    zone: tzinfo = UTC
    dry_run: bool = False


@dataclass(frozen=True)
class Problem:
    """Something of a file that was not understood.

    :param file: relative to the folder of the import.
    :param line: from 1; None: the file as a whole.
    :param is_imported: whether the rest of the file was imported.
    """

    file: str
    line: int | None
    reason: str
    is_imported: bool


@dataclass
class ImportReport:
    """What an import did; with `dry_run`, what it would do."""

    dry_run: bool
    files: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    not_imported: int = 0
    messages: int = 0
    with_listing: int = 0
    with_reservation: int = 0
    problems: list[Problem] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class _Read:
    """A transcript that is ready to land."""

    file: TranscriptFile
    link: Link
    payload: str

    @property
    def payload_hash(self) -> bytes:
        return hashlib.sha256(self.payload.encode()).digest()


def import_transcripts(
    connection: Connection,
    folder: Path,
    options: Options,
    *,
    on_file: Callable[[int], None] = lambda _done: None,
) -> ImportReport:
    """Import all transcripts below a folder.

    :param folder: holds `conversations/LISTING/GUEST_DATE_conversation.txt`, or the folders of listings.
    :param on_file: is called with the number of files that were read until now.
    :raises InvalidValue: when the folder has no transcript, or there are no accounts or core tables.
    :raises UnknownAccount: when the account is not registered.
    """
    if not folder.is_dir():
        raise InvalidValue(f"{folder} is no folder")
    one = options.account_id
    account_ids = (
        [get_account(connection, one).account_id] if one else [a.account_id for a in list_accounts(connection)]
    )
    if not account_ids:
        raise InvalidValue("No account is registered: `sync-hostaway accounts add` registers one")
    importer = _Importer(connection, folder, options, Linker(connection, account_ids))
    for number, path in enumerate(find_files(folder), start=1):
        importer.take(path)
        on_file(number)
    return importer.finish()


class _Importer:
    def __init__(self, connection: Connection, folder: Path, options: Options, linker: Linker) -> None:
        self._connection = connection
        self._folder = folder
        self._options = options
        self._linker = linker
        self._report = ImportReport(options.dry_run)
        self._seen: dict[str, str] = {}
        self._waiting: list[_Read] = []

    def take(self, path: Path) -> None:
        """Read a file, and land it with the next batch."""
        if not is_transcript(path):
            self._not_imported(path, "its name does not end in _conversation.txt")
            return
        file = of_path(path, self._folder, self._options.dates)
        try:
            read = self._read(file)
        except (OSError, ValueError, NotImportable) as error:
            reason = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
            self._not_imported(path, reason)
            return
        self._report.files += 1
        self._waiting.append(read)
        if len(self._waiting) >= _BATCH:
            self._land()

    def finish(self) -> ImportReport:
        """Land the rest.

        :raises InvalidValue: when there was no transcript.
        """
        self._land()
        report = self._report
        if not report.files and not report.not_imported:
            raise InvalidValue(f"{self._folder} has no file whose name ends in _conversation.txt")
        return report

    def _read(self, file: TranscriptFile) -> _Read:
        """:raises NotImportable: when nothing of the file can be imported, with the reason."""
        if file.transcript_id in self._seen:
            raise NotImportable(f"has the same listing folder and name as {self._seen[file.transcript_id]}")
        text, doubt = read_text(file.path, self._options.encoding)
        found = read_transcript(text, file.guest_name, self._options.dates, self._options.zone)
        if doubt:
            found.notes.insert(0, Note(None, doubt))
        if not found.messages:
            reason = "; ".join(_worded(note) for note in found.notes[:3])
            raise NotImportable(f"no message was found{f': {reason}' if reason else ''}")
        days = _days(file, found)
        guest = file.guest_name or found.header.guest
        names = [name for name in (file.listing_name, found.header.listing) if name]
        link = self._linker.link(names, guest, days)
        notes = [*found.notes, *(Note(None, reason) for reason in link.reasons)]
        if file.date_problem:
            notes.append(Note(None, f"name of the file: {file.date_problem}"))
        elif not days:
            notes.append(Note(None, "neither the name of the file nor its header has the date of the stay"))
        for note in notes:
            self._report.problems.append(Problem(self._name(file.path), note.line, note.reason, is_imported=True))
        self._seen[file.transcript_id] = self._name(file.path)
        return _Read(file, link, _payload(file, found, link, guest, names, days))

    def _not_imported(self, path: Path, reason: str) -> None:
        self._report.not_imported += 1
        self._report.problems.append(Problem(self._name(path), None, reason, is_imported=False))

    def _name(self, path: Path) -> str:
        return text_of(path.relative_to(self._folder).as_posix())

    def _land(self) -> None:
        for account_id in sorted({read.link.account_id for read in self._waiting}):
            reads = [read for read in self._waiting if read.link.account_id == account_id]
            with self._connection.transaction():
                # `erasures_of` also takes a lock: no erasure of this account begins before these rows are committed.
                erased = erasures_of(self._connection, account_id)
                self._land_account(
                    account_id, [r for r in reads if str(r.link.reservation_id) not in erased.reservations]
                )
        self._waiting.clear()

    def _land_account(self, account_id: int, reads: list[_Read]) -> None:
        ids = [read.file.transcript_id for read in reads]
        rows = self._connection.execute(_QUERIES["present"], {"account_id": account_id, "ids": ids})
        present = {row["entity_id"]: bytes(row["payload_hash"]) for row in rows}
        kinds = {
            read.file.transcript_id: "new"
            if read.file.transcript_id not in present
            else "unchanged"
            if present[read.file.transcript_id] == read.payload_hash
            else "changed"
            for read in reads
        }
        counts = Counter(kinds.values())
        report = self._report
        report.new += counts["new"]
        report.changed += counts["changed"]
        report.unchanged += counts["unchanged"]
        report.messages += sum(len(json.loads(read.payload)["messages"]) for read in reads)
        report.with_listing += sum(read.link.listing_id is not None for read in reads)
        report.with_reservation += sum(read.link.reservation_id is not None for read in reads)
        due = [read for read in reads if kinds[read.file.transcript_id] != "unchanged"]
        if not due or report.dry_run:
            return
        load = {"account_id": account_id, "new": counts["new"], "changed": counts["changed"]}
        opened = self._connection.execute(_QUERIES["open_load"], load).fetchone()
        with self._connection.cursor() as cursor:
            cursor.executemany(
                _QUERIES["write"],
                [
                    {
                        "account_id": account_id,
                        "transcript_id": read.file.transcript_id,
                        "payload": read.payload,
                        "payload_hash": read.payload_hash,
                        "load_id": opened["load_id"] if opened else None,
                    }
                    for read in due
                ],
            )


def _days(file: TranscriptFile, found: TranscriptText) -> list[date]:
    days = [file.first_day, file.last_day] if file.first_day else [found.header.arrival, found.header.departure]
    return [day for day in days if day]


def _worded(note: Note) -> str:
    return f"line {note.line}: {note.reason}" if note.line else note.reason


def _payload(
    file: TranscriptFile,
    found: TranscriptText,
    link: Link,
    guest: str | None,
    listing_names: list[str],
    days: list[date],
) -> str:
    """What lands: the same text for the same file and links. Nothing of it depends on the folder's own place."""
    return json.dumps(
        {
            "listingId": link.listing_id,
            "reservationId": link.reservation_id,
            "listingName": listing_names[0] if listing_names else None,
            "guestName": guest,
            "stayDate": days[0].isoformat() if days else None,
            "file": file.place,
            "messages": [
                {
                    "line": message.line,
                    "senderName": message.sender_name,
                    "sender": message.sender,
                    "sentAt": message.sent_at.astimezone(UTC).isoformat() if message.sent_at else None,
                    "body": message.body,
                }
                for message in found.messages
            ],
        },
        ensure_ascii=False,
        sort_keys=True,
    )
