"""The findings of an examination, and their report."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib.metadata import version
from typing import Any


class Status(StrEnum):
    """Whether an assumption holds."""

    HOLDS = "holds"
    DIFFERS = "differs"
    """The assumption does not hold, but the mirror works: `detail` names the cost."""
    FAILS = "fails"
    """The assumption does not hold, and the mirror relies on it: `detail` names the missing or late data."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """The result of one check. It contains no ids and no values of objects, so that it can be shown to every reader.

    :param check: name of the check, in a few words.
    :param detail: the result, and its meaning.
    :param options: account options with which the mirror works.
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
