"""The plan: what a day costs, which polling interval fits, and what does not."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sync_hostaway.accounts.registry import add_account, client_for
from sync_hostaway.cli.main import app
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.hostaway.rate_limiter import RateLimits
from sync_hostaway.polling.plan import fitting_interval, make_plan
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration


def limit(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"AIRFLOW__HOSTAWAY__{name}", value)
    get_settings.cache_clear()


def sync_cost(warehouse: Connection, account: int, calls: int) -> None:
    """Let the last full sync have cost so many calls."""
    warehouse.execute(
        "insert into ops.sync_runs (account_id, run_key, resource, mode) values (%s, 'dear', 'messages', 'full')",
        [account],
    )
    column = warehouse.execute(
        "select column_name from information_schema.columns where table_schema = 'ops' and table_name = 'sync_runs'"
        " and column_name in ('status', 'status')"
    ).fetchone()
    assert column
    warehouse.execute(
        f"update ops.sync_runs set {column['column_name']} = 'complete', api_calls = {int(calls)},"
        " finished_at = clock_timestamp() where run_key = 'dear'"
    )


def test_a_day_costs_what_the_last_syncs_have_cost(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, BUDGET_IP="15/10", BUDGET_ACCOUNT="20/10", POLL_EVERY_MINUTES="10")
    resources = [Resource.LISTINGS, Resource.RESERVATIONS]
    for mode in (Mode.FULL, Mode.INCREMENTAL):
        results = sync_account(warehouse, account, mode, resources)
    calls = sum(result.api_calls for result in results)
    made = make_plan(warehouse)
    (one,) = made.accounts
    assert one.rows == {"listings": 4, "reservations": 60}
    assert one.sync_calls == calls
    assert one.full_calls
    assert one.full_seconds == pytest.approx(one.full_calls / 1.5)
    assert one.calls_a_day == pytest.approx(calls * 6 / 7 + one.full_calls / 7 + 3 * 144)
    assert (made.addresses[0].limit, made.addresses[0].accounts) == (1.5, 1)
    assert made.warnings == []
    assert made.poll_minutes == 10


def test_polls_that_do_not_fit_are_made_less_often_and_said(
    warehouse: Connection, simulator: RunningSimulator, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(warehouse, 702, "secret-702")
    limit(monkeypatch, BUDGET_IP="1/60", BUDGET_ACCOUNT="off", POLL_EVERY_MINUTES="5")
    made = make_plan(warehouse)
    # 2 accounts x 3 calls at half of a call a minute, in 80 % of the time
    assert made.poll_minutes == 15
    assert fitting_interval(warehouse).total_seconds() == 15 * 60
    assert "every 15 minutes" in made.warnings[0]


def test_what_takes_more_than_a_day_is_said(
    warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, BUDGET_IP="10/10", BUDGET_ACCOUNT="off")
    sync_cost(warehouse, account, 200_000)
    warnings = make_plan(warehouse).warnings
    assert any("A full sync of account 701 takes 56 hours" in warning for warning in warnings)
    assert any("of its limit" in warning for warning in warnings)


def test_the_command_shows_it(warehouse: Connection, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["plan", "--json"])
    assert result.exit_code == 0, result.output
    assert [one["account_id"] for one in json.loads(result.stdout)["accounts"]] == [701]
    assert "no limit is set" in CliRunner().invoke(app, ["plan"]).output


def test_each_proxy_has_a_budget_of_its_own_and_its_share_of_the_accounts(
    warehouse: Connection, simulator: RunningSimulator, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, PROXIES="http://proxy-a:3128, http://proxy-b:3128", BUDGET_IP="15/10")
    settings = get_settings()
    keys = [RateLimits.of(settings, number).ip_key for number in range(1, 201)]
    assert 70 < keys.count("default, proxy 1") < 130
    assert set(keys) == {"default, proxy 1", "default, proxy 2"}
    with client_for(warehouse, account) as client:
        assert client._session.proxies["https"] in ("http://proxy-a:3128", "http://proxy-b:3128")
    limit(monkeypatch, PROXIES="proxy-a")
    with pytest.raises(ConfigurationError, match="http://proxy-a:3128"):
        client_for(warehouse, account)
