"""Each question of docs/analytics.md is on the page in Airflow, with its tables and below one role."""

from __future__ import annotations

from collections import Counter

from sync_hostaway.transforms import find_project
from sync_hostaway.transforms.documentation import read_questions
from sync_hostaway.ui.documentation import ROLES


def test_each_question_has_one_role() -> None:
    numbers = Counter(number for chosen in ROLES.values() for number in chosen)
    assert set(numbers.values()) == {1}
    assert set(numbers) == {question.number for question in read_questions()}
    assert len(numbers) >= 40


def test_each_question_reads_tables_that_there_are() -> None:
    folders = [find_project() / "models" / name for name in ("core", "marts", "status")]
    models = {file.stem for folder in folders for file in folder.rglob("*.sql")}
    for question in read_questions():
        assert question.tables, question.question
        assert set(question.tables) <= models, question.question
