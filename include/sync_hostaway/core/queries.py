"""Loads queries from .sql files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

from psycopg import sql

_BLOCK = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(file: Path) -> dict[str, sql.SQL]:
    """Read a .sql file of blocks that start with `-- name: <name>`. Returns the queries by name.

    Values are psycopg parameters (`%(account_id)s`). Variable identifiers are in braces (`{table}`).
    """
    parts = _BLOCK.split(file.read_text(encoding="utf-8"))
    # The text is part of the package, so the cast to LiteralString is safe. psycopg's types forbid any other text.
    return {
        name: sql.SQL(cast(LiteralString, body.strip())) for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
