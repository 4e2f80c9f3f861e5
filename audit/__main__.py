"""`make audit`: exit code 0 without open vulnerabilities, 1 with one or with a wrong policy, 2 without an answer."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.policy import Accepted, WrongPolicy, read_policy

ROOT = Path(__file__).resolve().parents[1]
LOCK_FILES = ("requirements.txt", "requirements-dev.txt")


class NoAnswer(Exception):
    """The service of known vulnerabilities did not answer."""


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a pinned package.

    :param names: its id and the other names of it.
    """

    package: str
    version: str
    names: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        remedy = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no version fixes it yet"
        return f"{self.package} {self.version}: {' = '.join(self.names)}; {remedy}"


def known_vulnerabilities(file: Path, options: Sequence[str] = ()) -> list[Vulnerability]:
    """Return the known vulnerabilities of a file of pinned packages with hashes.

    :param options: further options of pip-audit.
    :raises NoAnswer: with the last line of pip-audit's message.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--require-hashes", "--disable-pip"]
    command += ["--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    try:
        document = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise NoAnswer(last) from None
    skipped = [package for package in document["dependencies"] if package.get("skip_reason")]
    if skipped:
        raise NoAnswer(f"{len(skipped)} packages were not looked up: {skipped[0]['skip_reason']}")
    return list(_parsed(document))


def _parsed(document: Any) -> Iterator[Vulnerability]:
    for package in document["dependencies"]:
        for found in package.get("vulns", []):
            names = (found["id"], *found.get("aliases", []))
            yield Vulnerability(package["name"], package["version"], names, tuple(found.get("fix_versions", [])))


def report(found: Sequence[Vulnerability], accepted: Sequence[Accepted]) -> tuple[list[str], int]:
    """Return the lines to print, and the number of vulnerabilities that are not accepted."""
    lines, open_ones, used = [], 0, set()
    for vulnerability in sorted(set(found), key=str):
        entry = next((each for each in accepted if _is_about(each, vulnerability)), None)
        if entry:
            used.add(entry)
            lines.append(f"accepted until {entry.expires}: {vulnerability} ({entry.reason})")
        else:
            open_ones += 1
            lines.append(f"OPEN: {vulnerability}")
    lines += [f"no longer needed: {entry.id} of {entry.package}" for entry in accepted if entry not in used]
    return lines, open_ones


def _is_about(entry: Accepted, vulnerability: Vulnerability) -> bool:
    return entry.package.lower() == vulnerability.package.lower() and entry.id in vulnerability.names


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the lock files and print what was found. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="default: " + " and ".join(LOCK_FILES))
    parser.add_argument("--policy", type=Path, default=Path(__file__).with_name("accepted.yaml"))
    parser.add_argument("--osv-url", help="another server that speaks the API of osv.dev")
    given = parser.parse_args(arguments)
    options = ["--osv-url", given.osv_url] if given.osv_url else []
    found: list[Vulnerability] = []
    try:
        accepted = read_policy(given.policy, datetime.now(UTC).date())
        for file in given.files or [ROOT / name for name in LOCK_FILES]:
            found += known_vulnerabilities(file, options)
    except WrongPolicy as error:
        print(f"{given.policy}: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    except NoAnswer as error:
        print(  # noqa: T201 - a command
            f"The service of known vulnerabilities gave no answer, so nothing is known about the dependencies: {error}",
            file=sys.stderr,
        )
        return 2
    lines, open_ones = report(found, accepted)
    print("\n".join([*lines, f"{open_ones} open, {len(set(found)) - open_ones} accepted"]))  # noqa: T201 - a command
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
