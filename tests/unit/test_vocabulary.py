"""The words that docs/glossary.md excludes are not used: in no text, name or file name, in no case and number."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = "docs/glossary.md"
_WORD = re.compile(r"`([^`]+)`")
# A phrase may be in a name, or continue in the next line of a comment.
_GAP = r"(?:[_-]|\s+(?:(?:#|--)\s*)?)"
_ENDINGS = r"(?:s|es|ed|ing)?"
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Files without words of ours: pinned packages, the history of versions, pictures, recorded data.
SKIPPED = re.compile(r"^(CHANGELOG\.md|requirements.*|LICENSE|benchmarks/requirements.*)$|/static/")
# A word that is right elsewhere: a process has threads, a guest has conversations.
EXCLUDED_THERE = {"thread": re.compile(r"^(dbt_project/models|examples)/|^(docs/analytics|README)\.md$")}
# Words with another meaning. Each entry: a path, and the words that are right there.
ALLOWED = {
    # An account of the operating system.
    "include/sync_hostaway/local/privileges.py": {"nobody"},
    "README.md": {"nobody"},
    # What people enter in place of a name, and a note of a host.
    "dbt_project/macros/identities.sql": {"nobody", "somebody"},
    "dbt_project/models/staging/stg_reservations.yml": {"nobody"},
    # A field of Hostaway's.
    "dbt_project/models/staging/stg_messages.sql": {"thread"},
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


def finder(words: list[str]) -> Callable[[str], list[re.Match[str]]]:
    """A function that finds the words, with their plurals and verb forms. Line numbers stay those of the text."""
    found = "|".join(re.escape(word).replace(r"\ ", _GAP) for word in words)
    search = re.compile(rf"(?<![a-z0-9])({found}){_ENDINGS}(?![a-z0-9])", re.IGNORECASE)
    return lambda text: list(search.finditer(_HUMP.sub("_", text)))


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a Git checkout")
    return [name for name in listed.stdout.splitlines() if not SKIPPED.search(name) and (ROOT / name).is_file()]


def test_the_glossary_excludes_words() -> None:
    table, plain = excluded()
    assert {"burial", "verdict", "lane"} <= set(table)
    assert {"nobody", "goes on"} <= set(plain)


@pytest.mark.parametrize(
    "text",
    [
        "in this Lane.",
        "test_the_lane_of_an_account",
        "select lane_id from ops.lanes",
        "class LaneStore: ...",
        "allLanesOf(account)",
        "it goes\n on",
        "# it goes\n    # on",
        "it_goes_on_later",
        '<td class="goes-on">',
    ],
)
def test_excluded_words_are_found_in_texts_and_names(text: str) -> None:
    assert finder(["lane", "goes on"])(text)


def test_parts_of_other_words_are_not_found() -> None:
    assert not finder(["lane"])("planes, Plane and airlane2")


def test_no_excluded_word_is_used() -> None:
    table, plain = excluded()
    find, find_there = finder([*table, *plain]), {word: finder([word]) for word in EXCLUDED_THERE}
    found = []
    for name in tracked_files():
        allowed = ALLOWED.get(name, set())
        if allowed is None:
            continue
        there = [word for word, where in EXCLUDED_THERE.items() if where.search(name)]
        found += [f"{name}: the name has {match[1]!r}" for match in find(name)]
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{match.string.count(chr(10), 0, match.start()) + 1}: {match[1]!r}"
            for match in [*find(text), *(each for word in there for each in find_there[word](text))]
            if match[1].lower() not in allowed
        ]
    assert not found, "docs/glossary.md has the words to use instead:\n" + "\n".join(found)
