"""The words that docs/glossary.md excludes are not used."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = "docs/glossary.md"
_WORD = re.compile(r"`([^`]+)`")
_GAP = r"(?:_|\s+(?:(?:#|--)\s*)?)"  # a phrase may be in a name, or continue in the next line of a comment

# Files without words of ours: pinned packages, the history of versions, pictures, recorded data.
SKIPPED = re.compile(r"^(CHANGELOG\.md|requirements.*|LICENSE|benchmarks/requirements.*)$|/static/")
# Words with another meaning. Each entry: a path, and the words that are right there.
ALLOWED = {
    # An account of the operating system.
    "include/sync_hostaway/local/privileges.py": {"nobody"},
    "README.md": {"nobody"},
    # What people enter in place of a name, and a note of a host.
    "dbt_project/macros/identities.sql": {"nobody", "somebody"},
    "dbt_project/models/staging/stg_reservations.yml": {"nobody"},
    # A reply of SMTP.
    "tests/integration/alerts/test_alerts.py": {"go on"},
    # Parts of invented addresses.
    "include/sync_hostaway/simulator/data/listings.py": {"lane"},
    "include/sync_hostaway/simulator/data/texts.py": {"lane"},
    # A word of addresses, which the redaction knows.
    "include/sync_hostaway/exports/redaction_words.py": {"lane"},
    GLOSSARY: None,
    "tests/unit/test_vocabulary.py": None,
}


def words_of(text: str) -> list[str]:
    return _WORD.findall(text)


def excluded() -> tuple[list[str], list[str]]:
    """The words of the table's last column, and those of plain English."""
    table, _, plain = (ROOT / GLOSSARY).read_text(encoding="utf-8").partition("## Plain English")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ") and line.count("|") == 5]
    found = [word for row in rows[1:] for word in words_of(row[4])]
    return found, words_of(plain)


def pattern(words: list[str]) -> re.Pattern[str]:
    found = "|".join(re.escape(word).replace(r"\ ", _GAP) for word in words)
    return re.compile(rf"(?<![a-z0-9])({found})(?![a-z0-9])", re.IGNORECASE)


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a Git checkout")
    return [name for name in listed.stdout.splitlines() if not SKIPPED.search(name) and (ROOT / name).is_file()]


def test_the_glossary_excludes_words() -> None:
    table, plain = excluded()
    assert {"burial", "verdict", "lane"} <= set(table)
    assert {"nobody", "goes on"} <= set(plain)


def test_excluded_words_are_found_as_words_only() -> None:
    assert pattern(["lane"]).search("in this Lane.")
    assert not pattern(["lane"]).search("planes and lanes_of")
    assert pattern(["lane"]).search("test_the_lane_of_an_account")
    assert pattern(["goes on"]).search("it goes\n on")
    assert pattern(["goes on"]).search("# it goes\n    # on")
    assert pattern(["goes on"]).search("it_goes_on_later")


def test_no_excluded_word_is_used() -> None:
    table, plain = excluded()
    search = pattern([*table, *plain])
    found = []
    for name in tracked_files():
        allowed = ALLOWED.get(name, set())
        if allowed is None:
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]!r}"
            for match in search.finditer(text)
            if match[1].lower() not in allowed
        ]
    assert not found, "docs/glossary.md has the words to use instead:\n" + "\n".join(found)
