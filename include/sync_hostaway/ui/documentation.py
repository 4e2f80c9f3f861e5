"""The page that leads an analyst from a question to a table, and the page of dbt docs that describes each of them.

dbt's page is one file that runs its own inline scripts, which the policy of our other pages does not permit. It is
therefore served with a policy of its own and in a sandbox: without the origin of Airflow, its scripts can neither read
Airflow's pages and cookies nor send requests.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.transforms.documentation import Question, current_documentation, documentation_page

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_SANDBOX_HEADERS = {
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Vary": "Accept-Encoding",
}
# Numbers of docs/analytics.md. A question that is in no list is shown below "More questions".
ROLES: dict[str, Sequence[int]] = {
    "Revenue manager": (*range(1, 10), 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32),
    "Guest experience": (*range(10, 15), 28, 33, 34, 35, 36),
    "Owner relations": (15, 16, 17, 38, 39),
    "Accountant": (18, 19, 20, 37, 40),
}


def documentation_overview(connection: Connection) -> dict[str, Any]:
    """What the template `documentation.html` shows."""
    current = current_documentation(connection)
    tables = connection.execute(_QUERIES["tables"]).fetchall()
    return {
        "built_at": current.built_at if current else None,
        "roles": _by_role(current.questions if current else []),
        "schemas": {
            schema: [row for row in tables if row["schema_name"] == schema] for schema in ("marts", "hostaway")
        },
        "known_tables": {row["name"] for row in tables},
    }


def _by_role(questions: Sequence[Question]) -> list[tuple[str, list[Question]]]:
    listed = {number for numbers in ROLES.values() for number in numbers}
    found = {role: [q for q in questions if q.number in numbers] for role, numbers in ROLES.items()}
    found["More questions"] = [question for question in questions if question.number not in listed]
    return [(role, chosen) for role, chosen in found.items() if chosen]


def dbt_page(connection: Connection, request: Request) -> Response | None:
    """The page of dbt docs; None when none was built yet."""
    found = documentation_page(connection)
    if found is None:
        return None
    built_at, packed = found
    # The page has a megabyte, and every link of the overview opens it. The browser sends a conditional request each
    # time, with its login.
    tag = f'W/"{built_at.timestamp()}"'
    headers = {**_SANDBOX_HEADERS, "ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(None, 304, headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, 200, {**headers, "Content-Encoding": "gzip"}, "text/html; charset=utf-8")
    return Response(gzip.decompress(packed), 200, headers, "text/html; charset=utf-8")
