"""Connection strings in the forms of other programs: SQLAlchemy, JDBC, a shell, a provider's page."""

from __future__ import annotations

import re

_QUOTES = ("'", '"')
_COMMAND = re.compile(r"psql\s+(?=['\"]?postgres(?:ql)?:)", re.IGNORECASE)
# The driver of SQLAlchemy, which libpq does not accept.
_SCHEME = re.compile(r"(?:jdbc:)?(postgres(?:ql)?)(?:\+\w+)?://", re.IGNORECASE)


def plain(text: str) -> str:
    """The connection string of libpq in a text; the text itself if it has no known form.

    >>> plain("'postgresql+psycopg://user:password@host/name'\\n")
    'postgresql://user:password@host/name'
    """
    text = text.strip()
    if command := _COMMAND.match(text):
        text = text[command.end() :].strip()
    while len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]:
        text = text[1:-1].strip()
    found = _SCHEME.match(text)
    return f"{found[1].lower()}://{text[found.end() :]}" if found else text


def how_to_write(text: str) -> str:
    """The probable error in a connection string that libpq does not accept. Contains no part of it."""
    scheme = re.match(r"(\w[\w+.-]{0,30})://", text)
    if scheme and not scheme[1].startswith("postgres"):
        return "it has to begin with postgresql://"
    return (
        "it looks like postgresql://user:password@host:5432/name. Write each of % @ : / ? # [ ] and blanks within the "
        "password as % and two digits (@ is %40), and parameters as libpq names them, such as ?sslmode=require"
    )
