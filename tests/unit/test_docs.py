"""The pages for users name files, commands and settings that exist."""

from __future__ import annotations

import re
import subprocess
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from sync_hostaway.cli.main import app
from sync_hostaway.core.settings import SHORT_NAMES, Settings

ROOT = Path(__file__).resolve().parents[2]
# Pages with links of other readers: the forge, the page of dbt docs.
_OTHERS = ("CHANGELOG.md", ".github/", "dbt_project/models/overview.md")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^ *```(\w*)\n(.*?)^ *```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"(?:^|[\s;&(])make ((?:[a-z-]+ ?)+)")
_COMMAND = re.compile(r"(?:^|[\s;&/(])sync-hostaway ((?:[a-z|-]+ ?)+)")


def pages() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a Git checkout")
    names = [name for name in listed.stdout.splitlines() if not name.startswith(_OTHERS)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, by the rules of GitHub."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    texts = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


def code(page: Path) -> list[str]:
    """What is typed in a shell, line by line, and what stands between backticks. In a table, `|` is escaped."""
    found = _CODE.findall(page.read_text(encoding="utf-8"))
    texts = [block or inline for language, block, inline in found if language in ("", "sh", "bash", "console")]
    return [line.partition(" #")[0].replace("\\|", "|") for text in texts for line in text.splitlines()]


def dead_links(page: Path) -> list[str]:
    found = []
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        is_dead = not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
        found += [link] if is_dead else []
    return found


def test_links_lead_to_files_and_headings() -> None:
    found = [f"{page.relative_to(ROOT)}: {link}" for page in pages() for link in dead_links(page)]
    assert not found, "\n".join(found)


def test_a_link_without_a_target_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b` c\n[1](page.md#a-b-c) [2](#nowhere) [3](gone.md) [4](https://example.com/x)\n")
    assert dead_links(page) == ["#nowhere", "gone.md"]


def test_make_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = {
        (page.relative_to(ROOT).as_posix(), target)
        for page in pages()
        for line in code(page)
        for match in _MAKE.finditer(line)
        for target in match[1].split()
    }
    assert ("README.md", "demo") in used
    assert not {(page, target) for page, target in used if target not in targets}


@cache
def all_commands() -> dict[str, Any]:
    # typer.main has no type for the attributes of a group.
    return dict(vars(typer.main.get_command(app))["commands"])


def unknown_commands(text: str) -> list[str]:
    """The words after `sync-hostaway`, where no command has them; `a|b` is one of both."""
    commands = all_commands()
    found = []
    for match in _COMMAND.finditer(text):
        words = [word for word in match[1].split() if not word.startswith("-")]
        if not words:
            continue
        for name in words[0].split("|"):
            inner = getattr(commands.get(name), "commands", None)
            subcommands = words[1].split("|") if inner and words[1:] else []
            if name not in commands or not set(subcommands) <= set(inner or ()):
                found.append(match[1].strip())
    return found


def test_commands_exist() -> None:
    found = [
        f"{page.relative_to(ROOT)}: {command}"
        for page in pages()
        for line in code(page)
        for command in unknown_commands(line)
    ]
    assert not found, "\n".join(found)


def test_the_readme_has_every_command() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Commands")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `sync-hostaway ([a-z-]+)", table, re.MULTILINE))
    assert named == set(all_commands())


def test_an_unknown_command_is_found() -> None:
    assert unknown_commands("sync-hostaway accounts add|fly 12") == ["accounts add|fly"]
    assert unknown_commands("sync-hostaway fly") == ["fly"]


def documented_settings() -> dict[str, str]:
    """The settings of the README's table by their short names, with their default; empty: it is no plain value."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for line in table.splitlines():
        if not line.startswith("| `"):
            continue
        _, variables, default, means, _ = re.split(r"(?<!\\)\|", line, maxsplit=4)
        names = re.findall(r"`(?:AIRFLOW__HOSTAWAY__|…_?)?([A-Z_]+)`", variables)
        values = re.findall(r"`([^`]+)`", default)
        found |= {name: values[place] if place < len(values) else "" for place, name in enumerate(names)}
        found |= dict.fromkeys(re.findall(r"`…_?([A-Z_]+)`", means), "")
    return {"CALENDAR_DAYS_AHEAD" if name == "AHEAD" else name: value for name, value in found.items()}


def default_as_text(name: str) -> str | None:
    """The default of a setting as a user writes it; None: unset, or it depends on other settings."""
    default = Settings.model_fields[name].default
    if name.endswith("_retention_days") and default == 0:
        return "keep"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, time):
        return f"{default:%H:%M}"
    if isinstance(default, int | float):
        return f"{default:g}"
    return str(default) if isinstance(default, str | Path) else None


def test_the_readme_has_every_setting_and_no_other() -> None:
    known = {SHORT_NAMES.get(name, name.upper()) for name in Settings.model_fields}
    assert documented_settings().keys() - {"LOG_LEVEL", "LOG_FORMAT"} == known


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if default_as_text(name) is not None])
def test_the_readme_has_the_default_of_a_setting(name: str) -> None:
    assert documented_settings()[SHORT_NAMES.get(name, name.upper())] == default_as_text(name)


def test_the_page_of_operations_has_the_default_of_each_retention() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^\| `([A-Z_]+_RETENTION_DAYS)` \| (\w+) \|", text, re.MULTILINE))
    names = [name for name in Settings.model_fields if name.endswith("_retention_days")]
    assert found == {name.upper(): default_as_text(name) for name in names}


@pytest.mark.parametrize(
    ("page", "heading", "models"),
    [
        ("README.md", "## The tables", ["core/*.sql", "status/*.sql"]),
        ("docs/analytics.md", "## The tables", ["marts/*.sql", "marts/tables/*.sql"]),
    ],
)
def test_the_pages_name_every_table_for_users(page: str, heading: str, models: list[str]) -> None:
    section = (ROOT / page).read_text(encoding="utf-8").partition(heading)[2].partition("\n## ")[0]
    tables = {model.stem for pattern in models for model in (ROOT / "dbt_project" / "models").glob(pattern)}
    assert len(tables) > 15
    assert tables - set(re.findall(r"`(\w+)`", section)) == set()


def test_every_page_is_reached_from_the_readme() -> None:
    known, unread = set(), [ROOT / "README.md"]
    while unread:
        page = unread.pop()
        known.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8")))
        found = {(page.parent / link).resolve() for link in links if link.endswith(".md") and "://" not in link}
        unread += [other for other in found if other not in known and other.is_file()]
    lost = [page for page in pages() if page.is_relative_to(ROOT / "docs") and page not in known]
    assert not lost, f"no page links to {', '.join(str(page.relative_to(ROOT)) for page in lost)}"


def test_every_picture_is_shown() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in pages()
        for link in re.findall(r"[(\"]([^()\"\s]+\.(?:png|svg))[)\"]", page.read_text(encoding="utf-8"))
    }
    assert set((ROOT / "docs" / "images").iterdir()) <= shown


def test_the_index_of_decisions_has_every_page_with_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    rows = re.findall(
        r"^\| (\d+) \| \[([^\]]+)\]\(([^)]+)\) \| (\S.*) \|$", (folder / "README.md").read_text(), re.MULTILINE
    )
    listed = {path: (int(number), title) for number, title, path, _ in rows}
    found = {}
    for page in folder.glob("0*.md"):
        heading = page.read_text(encoding="utf-8").splitlines()[0]
        number, _, title = heading.removeprefix("# ").partition(". ")
        found[page.name] = (int(number), title)
    assert listed == found
