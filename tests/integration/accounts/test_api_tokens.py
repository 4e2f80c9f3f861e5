"""Tokens of host applications: shown once, kept as digests, and good only as long as everything about them is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import errors

from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import Scope
from sync_hostaway.core.db import Connection, connect
from sync_hostaway.core.exceptions import InvalidValue, UnknownAccount, UnknownToken

pytestmark = pytest.mark.integration

READ = [Scope.READ_CALENDAR, Scope.READ_RESERVATIONS]


@pytest.fixture
def account(warehouse: Connection) -> int:
    warehouse.execute("insert into ops.accounts (account_id) values (701)")
    return 701


def test_a_token_is_known_by_its_text_and_only_by_it(warehouse: Connection, account: int) -> None:
    text, token = api_tokens.issue(warehouse, account, " Seaside app ", READ, None)
    assert api_tokens.verify(warehouse, text) == token
    assert (token.name, token.account_id, token.scopes) == ("Seaside app", account, frozenset(READ))
    other = text[:-1] + ("0" if text[-1] != "0" else "1")
    for presented in (other, text.upper(), f" {text}", text[:-1], "", "shw__", "é" * 81, token.token_id):
        assert api_tokens.verify(warehouse, presented) is None


def test_the_database_holds_no_token_text(warehouse: Connection, account: int) -> None:
    text, _ = api_tokens.issue(warehouse, account, "app", READ, None)
    [row] = warehouse.execute("select to_jsonb(t)::text as whole, encode(digest, 'escape') as d from ops.api_tokens t")
    assert text.rpartition("_")[2] not in row["whole"] + row["d"]


def test_a_revoked_token_is_invalid_at_once(warehouse: Connection, account: int) -> None:
    text, token = api_tokens.issue(warehouse, account, "app", READ, None)
    first = api_tokens.revoke(warehouse, account, token.token_id)
    assert api_tokens.verify(warehouse, text) is None
    assert api_tokens.revoke(warehouse, account, token.token_id) == first
    assert [known.revoked_at for known in api_tokens.list_tokens(warehouse, account)] == [first.revoked_at]


def test_an_expired_token_is_invalid(warehouse: Connection, account: int) -> None:
    text, _ = api_tokens.issue(warehouse, account, "app", READ, datetime.now(UTC) + timedelta(hours=1))
    assert api_tokens.verify(warehouse, text)
    warehouse.execute("update ops.api_tokens set created_at = now() - interval '2 h', expires_at = now()")
    assert api_tokens.verify(warehouse, text) is None


@pytest.mark.parametrize(("state", "is_good"), [("disabled", False), ("credentials_rejected", True), ("active", True)])
def test_a_disabled_accounts_tokens_rest_and_a_refused_ones_still_read(
    warehouse: Connection, account: int, state: str, is_good: bool
) -> None:
    text, _ = api_tokens.issue(warehouse, account, "app", READ, None)
    warehouse.execute("update ops.accounts set state = %s", [state])
    assert (api_tokens.verify(warehouse, text) is not None) is is_good


def test_the_last_use_is_written_once_a_minute_and_never_waits(warehouse_dsn: str, account: int) -> None:
    with connect(warehouse_dsn) as one, connect(warehouse_dsn) as two:
        text, _ = api_tokens.issue(one, account, "app", READ, None)

        def version() -> Any:
            return one.execute("select last_used_at, xmin::text from ops.api_tokens").fetchone()

        two.execute("set lock_timeout = '1s'")
        with one.transaction():
            api_tokens.verify(one, text)
            assert api_tokens.verify(two, text)
        used = version()
        assert used["last_used_at"]
        api_tokens.verify(two, text)
        assert version() == used


def test_a_token_of_another_account_cannot_be_revoked_through_this_one(warehouse: Connection, account: int) -> None:
    warehouse.execute("insert into ops.accounts (account_id) values (702)")
    text, token = api_tokens.issue(warehouse, account, "app", READ, None)
    with pytest.raises(UnknownToken, match=f"702 has no token {token.token_id}"):
        api_tokens.revoke(warehouse, 702, token.token_id)
    assert api_tokens.verify(warehouse, text)


def test_what_cannot_be_issued_is_named(warehouse: Connection, account: int) -> None:
    with pytest.raises(UnknownAccount, match="accounts add 999"):
        api_tokens.issue(warehouse, 999, "app", READ, None)
    with pytest.raises(InvalidValue, match="1 to 200 characters, not 0"):
        api_tokens.issue(warehouse, account, "  ", READ, None)
    with pytest.raises(InvalidValue, match="read:calendar, read:reservations, send:messages"):
        api_tokens.issue(warehouse, account, "app", [], None)
    with pytest.raises(InvalidValue, match=r"in the future.* not at 2020-01-01"):
        api_tokens.issue(warehouse, account, "app", READ, datetime(2020, 1, 1, tzinfo=UTC))
    assert api_tokens.list_tokens(warehouse, account) == []


def test_the_database_refuses_an_unknown_scope(warehouse: Connection, account: int) -> None:
    api_tokens.issue(warehouse, account, "app", READ, None)
    with pytest.raises(errors.CheckViolation, match="api_tokens_scopes_are_known"):
        warehouse.execute("update ops.api_tokens set scopes = scopes || 'write:everything'::text")
