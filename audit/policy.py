"""Which known vulnerabilities are accepted, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

LONGEST = timedelta(days=180)


class WrongPolicy(ValueError):
    """The file of accepted vulnerabilities cannot be used; the message names the entry."""


@dataclass(frozen=True)
class Accepted:
    """One accepted vulnerability.

    :param id: any of its names, such as CVE-2026-1234.
    :param expires: the last day on which it is accepted.
    """

    id: str
    package: str
    reason: str
    expires: date


def read_policy(file: Path, today: date) -> list[Accepted]:
    """Return the entries of a file.

    :raises WrongPolicy: when an entry is incomplete, has expired, or is accepted for too long.
    """
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    entries = document.get("accepted") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise WrongPolicy(f"{file.name} needs a list with the name accepted")
    return [_checked(entry, today) for entry in entries]


def _checked(entry: Any, today: date) -> Accepted:
    names = {field.name for field in fields(Accepted)}
    if not isinstance(entry, dict) or set(entry) != names:
        raise WrongPolicy(f"{entry!r}: an entry needs {', '.join(sorted(names))}, and nothing else")
    texts = [entry[name] for name in sorted(names - {"expires"})]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise WrongPolicy(f"{entry!r}: id, package and reason must be texts")
    expires = entry["expires"]
    if type(expires) is not date:
        raise WrongPolicy(f"{entry['id']}: expires must be a date, such as 2026-12-31")
    if expires < today:
        raise WrongPolicy(
            f"{entry['id']} of {entry['package']} was accepted until {expires}: update the package, or give a reason "
            "and a new date"
        )
    if expires > today + LONGEST:
        raise WrongPolicy(f"{entry['id']}: {expires} is more than {LONGEST.days} days ahead")
    return Accepted(**entry)
