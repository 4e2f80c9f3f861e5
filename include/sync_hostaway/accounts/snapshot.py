"""The last valid list of accounts, in a file. The Dags are made from it.

Dag files are parsed every few seconds and must neither open connections nor fail, and a Dag that is missing from one
parse disappears from the UI. So the list is written when the registry changes, replaced atomically, and read without
the database. An account is removed only when it is disabled or purged; an unreachable registry changes
nothing.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.files import make_private

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SnapshotAccount:
    """The data of an account that its Dag needs; never a secret.

    :param registered_at: ISO time in UTC.
    """

    account_id: int
    registered_at: str = "2026-01-01T00:00:00+00:00"
    name: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def write_snapshot(path: Path, accounts: list[SnapshotAccount]) -> None:
    """Replace the snapshot and then its copy. Readers see the old or the new file, never a part of one.

    :raises ConfigurationError: when a JSON file of another kind is there.
    """
    text = json.dumps({"accounts": [asdict(account) for account in accounts]}, indent=1, sort_keys=True)
    make_private(path.parent)
    for target in (path, _copy_of(path)):
        _refuse_another_file(target)
    for target in (path, _copy_of(path)):
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            _replace(target, text)


def read_snapshot(path: Path) -> list[SnapshotAccount]:
    """The mirrored accounts, ordered by id; empty if none is registered.

    Never raises. If the file is missing or damaged, its copy is read and a warning logged.
    """
    for source in (path, _copy_of(path)):
        try:
            document = json.loads(source.read_text(encoding="utf-8"))
            return sorted((_account(entry) for entry in document["accounts"]), key=lambda account: account.account_id)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("account_snapshot_unreadable", path=str(source), error=str(error))
    return []


def _account(entry: dict[str, Any]) -> SnapshotAccount:
    # Fields that a newer version may have added are ignored.
    account = SnapshotAccount(**{name: value for name, value in entry.items() if name in _FIELDS})
    datetime.fromisoformat(account.registered_at)
    return SnapshotAccount(int(account.account_id), account.registered_at, account.name, account.options)


_FIELDS = {field.name for field in fields(SnapshotAccount)}


def _copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.copy")


def _refuse_another_file(path: Path) -> None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # missing or damaged
    if document and not (isinstance(document, dict) and "accounts" in document):
        raise ConfigurationError(
            f"{path} is not an account snapshot and is not replaced. Set AIRFLOW__HOSTAWAY__SNAPSHOT_PATH to another "
            "file, or SYNC_HOSTAWAY_HOME to another folder."
        )


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
