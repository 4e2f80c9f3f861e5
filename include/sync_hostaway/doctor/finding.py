"""What an examination finds, and the report of it."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib.metadata import version
from typing import Any


class Status(StrEnum):
    """How an assumption stands."""

    HOLDS = "holds"
    DIFFERS = "differs"
    """The mirror copes with it: `detail` says what it costs."""
    FAILS = "fails"
    """The mirror relies on it: `detail` says what is missing or late because of it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """How one assumption stands. Holds neither ids nor values of objects, so that it can be shown to every reader.

    :param check: what was looked at, in a few words.
    :param detail: what was found, and what it means.
    :param options: account options that make the mirror fit.
    """

    check: str
    status: Status
    detail: str
    options: dict[str, Any] = field(default_factory=dict)


def report(findings: Iterable[Finding], installation: Iterable[Finding], calls: int) -> dict[str, Any]:
    """A document to attach to an issue: no account id, no address, no personal data, no secret."""
    return {
        "sync_hostaway": version("sync-hostaway"),
        "python": platform.python_version(),
        "calls": calls,
        "account": [asdict(finding) for finding in findings],
        "installation": [asdict(finding) for finding in installation],
    }
