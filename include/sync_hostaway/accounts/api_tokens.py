"""API tokens of host applications: shown once, stored as digests, valid for one account."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from psycopg.errors import ForeignKeyViolation

from sync_hostaway.core.db import Connection, load_queries, read_rows
from sync_hostaway.core.exceptions import InvalidValue, UnknownAccount, UnknownToken

_QUERIES = load_queries(Path(__file__).with_name("api_tokens.sql"))

# The prefix lets secret scanners recognise a token that was committed or pasted somewhere.
_TOKEN = re.compile(r"shw_([0-9a-f]{12})_[0-9a-f]{64}")
_NO_DIGEST = bytes(32)
# A later moment cannot be converted to every time zone.
_LATEST = datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)


class Scope(StrEnum):
    """What a token may do."""

    READ_CALENDAR = "read:calendar"
    READ_RESERVATIONS = "read:reservations"
    SEND_MESSAGES = "send:messages"


@dataclass(frozen=True)
class ApiToken:
    """The public data of a token; never its text."""

    token_id: str
    account_id: int
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def issue(
    connection: Connection, account_id: int, name: str, scopes: Iterable[Scope], expires_at: datetime | None
) -> tuple[str, ApiToken]:
    """Create a token of an account and return its text, which is not stored.

    :param name: names its user for operators, 1 to 200 characters.
    :param expires_at: with a time zone; None: never.
    :raises UnknownAccount: when the account is not registered.
    :raises InvalidValue: when the name is empty or too long, there is no scope, or the expiry is not in the future.
    """
    name, wanted = name.strip(), sorted(set(scopes))
    if not 1 <= len(name) <= 200:
        raise InvalidValue(f"A token's name has 1 to 200 characters, not {len(name)}")
    if not wanted:
        raise InvalidValue(f"A token needs at least one scope of {', '.join(Scope)}")
    if not all(character.isprintable() for character in name):
        raise InvalidValue("A token's name has printable characters only")
    if expires_at is not None and not datetime.now(UTC) < expires_at <= _LATEST:
        raise InvalidValue(
            f"A token expires in the future, and before the year 9999 (UTC), not at {expires_at.isoformat()}"
        )
    token_id = secrets.token_hex(6)
    text = f"shw_{token_id}_{secrets.token_hex(32)}"
    params = {
        "token_id": token_id,
        "account_id": account_id,
        "name": name,
        "digest": _digest(text),
        "scopes": wanted,
        "expires_at": expires_at,
    }
    try:
        row = connection.execute(_QUERIES["put_token"], params).fetchone()
    except ForeignKeyViolation:
        raise UnknownAccount.numbered(account_id) from None
    if row is None:
        raise AssertionError("unreachable: an insert without an error returns its row")
    return text, _token(row)


def list_tokens(connection: Connection, account_id: int) -> list[ApiToken]:
    """An account's tokens, also those that are revoked or expired, the oldest first."""
    return [_token(row) for row in read_rows(connection, _QUERIES["list_tokens"], {"account_id": account_id})]


def revoke(connection: Connection, account_id: int, token_id: str) -> ApiToken:
    """Revoke a token at once. A second call changes nothing.

    :raises UnknownToken: when the account has no such token.
    """
    params = {"account_id": account_id, "token_id": token_id}
    if not connection.execute(_QUERIES["revoke_token"], params).rowcount:
        raise UnknownToken(f"Account {account_id} has no token {token_id}")
    return next(token for token in list_tokens(connection, account_id) if token.token_id == token_id)


def looks_like_token(presented: str) -> bool:
    """Whether a text begins like a token. Other texts need no query."""
    return presented.startswith("shw_")


def verify(connection: Connection, presented: str) -> ApiToken | None:
    """The token with this text, if it is valid now: not revoked, not expired, and its account not disabled.

    Tokens also stay valid while Hostaway rejects the account's API key: the mirrored rows can still be read.

    :param connection: of a role that may read and update `ops.api_tokens`.
    """
    shape = _TOKEN.fullmatch(presented)
    rows = read_rows(connection, _QUERIES["find_token"], {"token_id": shape[1]}) if shape else []
    row = rows[0] if rows else None
    is_ours = hmac.compare_digest(row["digest"] if row else _NO_DIGEST, _digest(presented))
    if row is None or not is_ours or not row["is_good"]:
        return None
    if row["is_use_due"]:
        connection.execute(_QUERIES["update_last_used"], {"token_id": row["token_id"]})
    return _token(row)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _token(row: dict[str, Any]) -> ApiToken:
    return ApiToken(
        row["token_id"],
        row["account_id"],
        row["name"],
        # A scope of a newer version has no effect here.
        frozenset(Scope(scope) for scope in row["scopes"] if scope in set(Scope)),
        row["created_at"],
        row["expires_at"],
        row["last_used_at"],
        row["revoked_at"],
    )
