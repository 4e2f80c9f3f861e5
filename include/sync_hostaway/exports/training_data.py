"""Writes conversations as training data for language models: whole, and as pairs of a question and its answer.

Personal data and secrets are replaced, unless the caller requests the original text. Erased guests are not in it. The
same rows give the same files, byte for byte, and a guest is in one of the splits only.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any, BinaryIO

from psycopg import sql

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.exports.folder import new_folder
from sync_hostaway.exports.redaction import KnownValues, Redactor, asks_for_secret, fold, plain_text
from sync_hostaway.transcripts.names import role_of

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_BATCH = 2_000
# Percent of the guests
SPLITS = {"train": 80, "validation": 10, "test": 10}
KINDS = ("conversations", "pairs")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """A message in the file: role `user` (the guest) or `assistant` (the host)."""

    role: str
    author: str
    content: str


def export_training_data(
    connection: Connection,
    folder: Path,
    *,
    account_id: int | None = None,
    redact: bool = True,
    on_conversations: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """Write `conversations.SPLIT.jsonl`, `pairs.SPLIT.jsonl` and `manifest.json`, and return the manifest.

    :param folder: new or empty; see `new_folder`.
    :param account_id: only this account. None: all.
    :param redact: replace personal data and secrets.
    :param on_conversations: called with the number of conversations until now.
    :raises InvalidValue: when there are no core tables, or the folder has files.
    """
    if not fetch_value(connection, _QUERIES["core_exists"]):
        raise InvalidValue("There are no core tables yet: `sync-hostaway transform` builds them")
    parts = {name: _QUERIES[name] for name in ("is_erased", "of_account", "is_in_hostaway", "stay", "known")}
    params = {"account_id": account_id}
    counts: Counter[str] = Counter()
    with connection.transaction(), new_folder(folder) as unfinished:
        connection.execute(_QUERIES["begin"])
        excluded = connection.execute(_QUERIES["excluded"].format(**parts), params).fetchone()
        redactor = Redactor(_names(connection) if redact else frozenset())
        with _Files(unfinished) as files:
            read = chain.from_iterable(_read(connection, query.format(**parts), params) for query in _sources())
            for number, rows in enumerate(read, start=1):
                counts.update(_write(files, rows, redactor if redact else None))
                if number % 100 == 0:
                    on_conversations(number)
        manifest = {
            "format": 1,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "account_id": account_id,
            "redacted": redact,
            "splits_percent": SPLITS,
            "files": files.summary(),
            "messages": counts["messages"],
            "left_out": {**(excluded or {}), "without_guest_or_host": counts["one_sided"]},
            "redaction": dict(sorted(redactor.replaced.items())),
        }
        (unfinished / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def split_of(person: str) -> str:
    """Return the split of a guest. It depends on the guest only, so that it stays when data is added."""
    bucket = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big") % 100
    for name, percent in SPLITS.items():
        if bucket < percent:
            return name
        bucket -= percent
    raise AssertionError("the splits are 100 percent")


def pairs_of(messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
    """Return what a guest asked in consecutive messages, and what persons answered before the next question.

    An automation does not answer. Without an answer, there is no pair.
    """
    question: list[str] = []
    answer: list[str] = []
    for message in messages:
        if message.role == "user":
            if answer:
                yield "\n".join(question), "\n".join(answer)
                question, answer = [], []
            question.append(message.content)
        elif question and message.author != "automation":
            answer.append(message.content)
    if answer:
        yield "\n".join(question), "\n".join(answer)


def _names(connection: Connection) -> frozenset[str]:
    """Words of the names of guests and staff. What a transcript calls a sender may be no name: "Host"."""
    words = {row["word"] for row in connection.execute(_QUERIES["names"])}
    for row in connection.execute(_QUERIES["senders"]):
        if role_of(row["sender_name"], None) is None:
            words.update(word for word in row["sender_name"].split() if len(word) > 2)
    return frozenset(fold(word) for word in words)


def _sources() -> list[sql.SQL]:
    return [_QUERIES["messages"], _QUERIES["transcript_messages"]]


def _read(connection: Connection, query: sql.Composed, params: Mapping[str, Any]) -> Iterator[list[Row]]:
    with connection.cursor("training_data") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(query, params)
        yield from _conversations(cursor)


def _conversations(rows: Iterable[Row]) -> Iterator[list[Row]]:
    for _, group in groupby(rows, key=lambda row: (row["account_id"], row["conversation_id"])):
        yield list(group)


def _write(files: _Files, rows: list[Row], redactor: Redactor | None) -> dict[str, int]:
    about = rows[0]["about"]
    known = KnownValues(about["known"] if redactor else {})
    messages = [message for message in _messages(rows, redactor, known) if message.content]
    if len({message.role for message in messages}) < 2:
        return {"one_sided": 1}
    split = split_of(about["person"])
    # Without an id of Hostaway, because with an id the person could be found.
    name = hashlib.sha256(f"conversation {rows[0]['account_id']} {rows[0]['conversation_id']}".encode()).hexdigest()[
        :16
    ]
    context = {key: value for key, value in sorted(about["context"].items()) if value is not None}
    files.add(
        "conversations",
        split,
        {
            "id": name,
            "source": about["source"],
            "context": context,
            "messages": [
                {"role": message.role, "author": message.author, "content": message.content} for message in messages
            ],
        },
    )
    for number, (question, answer) in enumerate(pairs_of(messages), start=1):
        pair = {
            "id": f"{name}-{number}",
            "source": about["source"],
            "context": context,
            "question": question,
            "answer": answer,
        }
        files.add("pairs", split, pair)
    return {"messages": len(messages)}


def _messages(rows: Iterable[Row], redactor: Redactor | None, known: KnownValues) -> Iterator[Message]:
    after_question = False
    for row in rows:
        body = row["body"]
        content = redactor.redact(body, known, after_question=after_question) if redactor else plain_text(body)
        is_guest = row["is_incoming"] if row["is_incoming"] is not None else row["sender"] == "guest"
        yield Message("user" if is_guest else "assistant", "guest" if is_guest else row["sender"] or "host", content)
        after_question = bool(redactor) and is_guest and asks_for_secret(body)


class _Files:
    """The JSONL files of an export, one per kind and split, with rows, size and hash of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._open: dict[str, BinaryIO] = {}
        self._rows: Counter[str] = Counter()

    def __enter__(self) -> _Files:
        for name in (f"{kind}.{split}.jsonl" for kind in KINDS for split in SPLITS):
            self._open[name] = self._stack.enter_context((self._folder / name).open("wb"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, kind: str, split: str, entry: Mapping[str, Any]) -> None:
        """Write an entry as a line."""
        name = f"{kind}.{split}.jsonl"
        self._open[name].write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._rows[name] += 1

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return rows, bytes and SHA-256 of each file. The files must be closed."""
        found = {}
        for name in self._open:
            with (self._folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[name] = {"rows": self._rows[name], "bytes": (self._folder / name).stat().st_size, "sha256": digest}
        return found
