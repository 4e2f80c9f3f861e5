"""Queries that are kept in .sql files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

from psycopg import sql

_BLOCK = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(file: Path) -> dict[str, sql.SQL]:
    """Read a .sql file of blocks that begin with `-- name: <name>`.

    Values are psycopg parameters (`%(account_id)s`); identifiers that vary stand in braces (`{table}`).
    """
    parts = _BLOCK.split(file.read_text(encoding="utf-8"))
    # The text is ours, shipped with the package; LiteralString keeps psycopg from accepting anything else elsewhere.
    return {
        name: sql.SQL(cast(LiteralString, body.strip())) for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
