"""Of an unexpected error, only the class is stored: its message may quote a payload."""

from __future__ import annotations

import logging

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract import engine
from sync_hostaway.extract.context import MissingRows, SyncContext
from sync_hostaway.extract.engine import sync_account

pytestmark = pytest.mark.integration
MARKER = "planted-marker"


def test_the_sync_log_quotes_no_payload(
    warehouse: Connection,
    account: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    def fail(_: SyncContext) -> MissingRows:
        raise ValueError(f"invalid literal: {MARKER!r}")

    monkeypatch.setitem(engine.SYNC_FUNCTIONS, Resource.COUPONS, fail)
    with pytest.raises(ValueError, match=MARKER):
        sync_account(warehouse, account, Mode.FULL, [Resource.COUPONS])
    noted = warehouse.execute("select status, error from ops.sync_runs").fetchall()
    assert noted == [{"status": "failed", "error": "ValueError"}]
    written = capfd.readouterr()
    assert MARKER not in written.out + written.err + caplog.text
