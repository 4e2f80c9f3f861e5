"""docs/errors.md has every problem type and every exception, and no other."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from sync_hostaway import api
from sync_hostaway.core import exceptions

PAGE = (Path(__file__).parents[3] / "docs" / "errors.md").read_text(encoding="utf-8")
PROBLEMS, EXCEPTIONS = PAGE.split("## Exceptions")
# What Starlette and FastAPI raise.
OF_THE_FRAMEWORK = {("400", "bad-request"), ("405", "method-not-allowed")}


def problems_of_the_code() -> set[tuple[str, str]]:
    found = set()
    for file in Path(api.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                status, kind = node.args[:2]
                if isinstance(kind, ast.Constant):
                    name = ast.unparse(status)
                    found.add(({"UNAUTHORIZED": "401", "FORBIDDEN": "403"}.get(name[11:], name), str(kind.value)))
    return found


def test_every_problem_is_on_the_page() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| `([a-z-]+)` \| [^|]{10,} \| [^|]{5,} \|$", PROBLEMS, re.MULTILINE)
    written = {(status, kind) for statuses, kind in rows for status in statuses.split(", ")}
    assert written == problems_of_the_code() | OF_THE_FRAMEWORK


def test_every_exception_is_on_the_page() -> None:
    written = re.findall(r"^\| `(\w+)` \| [^|]{10,} \|", EXCEPTIONS, re.MULTILINE)
    defined = [name for name, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, Exception)]
    assert sorted(written) == sorted(defined)
