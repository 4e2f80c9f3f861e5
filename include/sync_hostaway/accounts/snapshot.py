"""The last valid list of accounts, in a file of this machine. The Dags are made from it.

Dag files are parsed every few seconds and must not fail, and a Dag that is missing from one parse disappears from the
UI. So each Dag processor keeps its own copy of the list. A parse refreshes it from the registry (`snapshot_refresh`).
If the registry does not answer, the copy is used as it is. Other processes need no copy.
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


@dataclass(frozen=True)
class Snapshot:
    """The list of accounts, ordered by id.

    :param installed_at: when the registry was created, as ISO time; None: not known yet.
    :param missing: ids of accounts that the registry does not have any more, and did not remove.
    """

    accounts: list[SnapshotAccount] = field(default_factory=list)
    installed_at: str | None = None
    missing: list[int] = field(default_factory=list, compare=False)


def write_snapshot(path: Path, accounts: list[SnapshotAccount], installed_at: str | None = None) -> None:
    """Replace the snapshot and then its copy; readers see the old one or the new one, never half of one.

    :raises ConfigurationError: when a JSON file of another kind is there.
    """
    document: dict[str, Any] = {"accounts": [asdict(account) for account in accounts]}
    if installed_at:
        document["installed_at"] = installed_at
    text = json.dumps(document, indent=1, sort_keys=True)
    make_private(path.parent)
    for target in (path, _copy_of(path)):
        _refuse_another_file(target)
    for target in (path, _copy_of(path)):
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            _replace(target, text)


def load_snapshot(path: Path) -> Snapshot | None:
    """The snapshot; None when there is none yet.

    Never raises. If the file is missing or damaged, its copy is read and a warning logged.
    """
    for source in (path, _copy_of(path)):
        try:
            return snapshot_of(json.loads(source.read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("account_snapshot_unreadable", path=str(source), error=str(error))
    return None


def snapshot_of(document: dict[str, Any]) -> Snapshot:
    """The snapshot that a JSON document describes.

    :raises ValueError, KeyError, TypeError: when it describes none.
    """
    accounts = [_account(entry) for entry in document["accounts"]]
    installed_at = document.get("installed_at")
    if installed_at is not None:
        datetime.fromisoformat(installed_at)
    return Snapshot(sorted(accounts, key=lambda account: account.account_id), installed_at)


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
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        # Each parse of a Dag file would leave one while the disk is full.
        Path(temporary).unlink(missing_ok=True)
        raise
