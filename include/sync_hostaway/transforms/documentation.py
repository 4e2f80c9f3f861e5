"""The documentation of the tables: dbt's page and the questions of analysts, kept in the database for the UI."""

from __future__ import annotations

import gzip
import re
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from psycopg.types.json import Jsonb

from sync_hostaway.core.db import Connection, fetch_value, load_queries
from sync_hostaway.transforms.artifacts import build_docs
from sync_hostaway.transforms.project import find_project, project_hash

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
QUESTIONS_FILE = Path(__file__).with_name("analytics_questions.txt")
"""docs/analytics.md, also in an installed package."""
_QUESTION = re.compile(r"^### (\d+)\. ([^\n]+)\n\n```sql\n(.*?)```", re.DOTALL | re.MULTILINE)
# dbt's page names an icon that it does not have.
_BROKEN_ICON = re.compile(rb'<link rel="shortcut icon"[^>]*>')
_TABLE = re.compile(r"\b(?:hostaway|marts)\.(\w+)")


@dataclass(frozen=True)
class Question:
    """A question of an analyst, and the query that answers it.

    :param tables: names of the core tables and marts that the query reads.
    """

    number: int
    question: str
    sql: str
    tables: list[str]


@dataclass(frozen=True)
class Documentation:
    """What is known of the current documentation without its page."""

    questions: list[Question]
    built_at: datetime


def is_outdated(connection: Connection) -> bool:
    """Whether there are core tables, and no documentation of this state of the dbt project."""
    return bool(fetch_value(connection, _SQL["is_outdated"], {"project_hash": project_hash(find_project())}))


def publish_documentation(connection: Connection) -> None:
    """Build the documentation and store it for the page in Airflow.

    :raises TransformFailed: when dbt cannot build it; the former documentation stays.
    """
    state = project_hash(find_project())
    with tempfile.TemporaryDirectory(prefix="documentation-") as scratch:
        page = _BROKEN_ICON.sub(b"", build_docs(connection, Path(scratch)).read_bytes())
    questions = [asdict(question) for question in read_questions()]
    values = {"project_hash": state, "page": gzip.compress(page), "questions": Jsonb(questions)}
    connection.execute(_SQL["store"], values)


def read_questions() -> list[Question]:
    """The questions of docs/analytics.md, in its order."""
    return [
        Question(int(number), question, sql.strip(), list(dict.fromkeys(_TABLE.findall(sql))))
        for number, question, sql in _QUESTION.findall(QUESTIONS_FILE.read_text(encoding="utf-8"))
    ]


def current_documentation(connection: Connection) -> Documentation | None:
    """What is stored; None when none was built yet."""
    row = connection.execute(_SQL["current"]).fetchone()
    return Documentation([Question(**each) for each in row["questions"]], row["built_at"]) if row else None


def documentation_page(connection: Connection) -> tuple[datetime, bytes] | None:
    """When the page of dbt was built, and the page, gzip; None when none was built yet."""
    row = connection.execute(_SQL["page"]).fetchone()
    return (row["built_at"], row["page"]) if row else None
