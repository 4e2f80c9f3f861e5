"""Settings come from the environment, and wrong ones are named."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.libpq import explicit, parameters_of
from sync_hostaway.core.settings import Settings, get_settings, refuse_unknown_names


def test_the_airflow_name_wins_over_the_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", "http://127.0.0.1:1")
    assert get_settings().hostaway_url == "http://127.0.0.1:1"
    get_settings.cache_clear()
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__API_URL", "http://127.0.0.1:2/v1/")
    assert get_settings().hostaway_url == "http://127.0.0.1:2"


def test_without_a_setting_the_real_api_is_meant() -> None:
    assert get_settings().hostaway_url == "https://api.hostaway.com"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@api.hostaway.com",
        "https://api.hostaway.com?key=secret",
        "https://api.hostaway.com/v1#secret",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:secret",
        "http://:80",
    ],
)
def test_a_base_url_is_nothing_but_a_base(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", url)
    with pytest.raises(ConfigurationError, match="HOSTAWAY_API_URL") as caught:
        get_settings()
    assert "secret" not in str(caught.value)


def test_blanks_around_a_base_url_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", " http://127.0.0.1:2/ ")
    assert get_settings().hostaway_url == "http://127.0.0.1:2"


def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "many")
    monkeypatch.setenv("HOSTAWAY_API_URL", "not-a-url-but-a-secret")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RESOURCES", "listings,guests")
    with pytest.raises(ConfigurationError) as caught:
        get_settings()
    assert "AIRFLOW__HOSTAWAY__PAGE_SIZE: " in str(caught.value)
    assert " HOSTAWAY_API_URL: " in str(caught.value), "as it was set"
    assert "AIRFLOW__HOSTAWAY__RESOURCES: " in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_misspelt_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SECRET_KEYS_CMD", "cat keys")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGESIZE", "")
    refuse_unknown_names()
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGESIZE", "10")
    with pytest.raises(ConfigurationError, match="PAGESIZE; did you mean AIRFLOW__HOSTAWAY__PAGE_SIZE"):
        refuse_unknown_names()


@pytest.mark.parametrize(
    "copied",
    [
        '"postgresql://me:se%20cret@db:5433/w"',
        "'postgres://me:se%20cret@db:5433/w'\n",
        "postgresql+psycopg://me:se%20cret@db:5433/w",
        "postgresql+psycopg2://me:se%20cret@db:5433/w",
        "'postgresql+asyncpg://me:se%20cret@db:5433/w'",
        "POSTGRESQL://me:se%20cret@db:5433/w",
        "jdbc:postgresql://db:5433/w?user=me&password=se%20cret",
        "psql 'postgresql://me:se%20cret@db:5433/w'",
        "psql postgresql://me:se%20cret@db:5433/w",
        "host=db port=5433 dbname=w user=me password='se cret'",
    ],
)
def test_a_copied_url_of_the_warehouse_is_read(monkeypatch: pytest.MonkeyPatch, copied: str) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", copied)
    plain = {"user": "me", "password": "se cret", "host": "db", "port": "5433", "dbname": "w"}
    assert parameters_of(get_settings().warehouse_dsn) == plain
    assert parameters_of(copied) == plain
    assert parameters_of(explicit(copied)) == plain


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("mysql+pymysql://me:hush-hush@db/w", "postgresql://"),
        ("postgresql://me:hush/hush-hush@db/w", "%40"),
        ("postgresql://me:hush-hush%@db/w", "%40"),
        ("postgresql+asyncpg://me:hush-hush@db/w?prepared_statement_cache_size=0", "parameters as libpq names them"),
        ("db.example.com/hush-hush", "looks like postgresql://"),
        ("'postgresql://me:hush-hush@db/w", "looks like postgresql://"),
    ],
)
def test_a_url_of_the_warehouse_that_cannot_be_read_names_the_cure(url: str, cure: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(cure)) as caught:
        parameters_of(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["WAREHOUSE_URL", "AIRFLOW__HOSTAWAY__WAREHOUSE_URL"])
def test_blanks_around_the_url_of_the_warehouse_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, " \tpostgresql://u:p@somewhere/else\r\n")
    assert get_settings().warehouse_dsn == "postgresql://u:p@somewhere/else"
    get_settings.cache_clear()
    monkeypatch.setenv(name, " \n")
    assert get_settings().warehouse_url is None, "the embedded one is meant"


def test_a_warehouse_of_ones_own_needs_a_key_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://somewhere/else")
    with pytest.raises(ConfigurationError, match="AIRFLOW__HOSTAWAY__SECRET_KEYS"):
        get_settings().fernet_keys()


@pytest.mark.parametrize("text", ["701", "701:", ":secret", "x:secret"])
def test_accounts_must_be_pairs(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HOSTAWAY_ACCOUNTS", text)
    with pytest.raises(ConfigurationError, match="701:secret,702:secret"):
        get_settings().account_secrets()


def test_accounts_are_read_with_colons_in_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_ACCOUNTS", "701:a:b, 702:c")
    assert get_settings().account_secrets() == {701: "a:b", 702: "c"}


def test_accounts_are_spread_over_the_day() -> None:
    minutes = [Settings().schedule.minutes(account_id)[0] for account_id in range(1, 1001)]
    per_hour = [sum(hour * 60 <= minute < hour * 60 + 60 for minute in minutes) for hour in range(24)]
    assert min(per_hour) > 20
    assert Settings().schedule.minutes(701) == Settings().schedule.minutes(701)


def test_the_spread_can_be_kept_to_the_night() -> None:
    night = Settings(sync_start="23:00", sync_spread_hours=4)
    minutes = {night.schedule.minutes(account_id)[0] for account_id in range(1, 500)}
    assert all(minute >= 23 * 60 or minute < 3 * 60 for minute in minutes)


def test_each_account_is_read_in_full_once_a_week_on_a_day_of_its_own() -> None:
    week = [date(2026, 11, 22) + timedelta(days=days) for days in range(7)]
    days = [[day for day in week if Settings().schedule.is_full_day(account_id, day)] for account_id in range(1, 200)]
    assert {len(found) for found in days} == {1}
    assert {found[0] for found in days} == set(week)
    assert not any(Settings(full_every_days=0).schedule.is_full_day(701, day) for day in week)


@given(st.integers(1, 10**9), st.integers(1, 24), st.times(), st.floats(0.1, 24))
def test_no_pause_between_two_syncs_is_longer_than_asked_for(
    account_id: int, every: int, start: time, spread: float
) -> None:
    settings = Settings(sync_every_hours=every, sync_start=start, sync_spread_hours=spread)
    minutes = settings.schedule.minutes(account_id)
    pauses = [after - before for before, after in pairwise([*minutes, minutes[0] + 24 * 60])]
    assert max(pauses) <= every * 60
    assert len({minute % 60 for minute in minutes}) == 1
    minute, hours, *rest = settings.schedule.cron(account_id).split()
    assert [int(hour) * 60 + int(minute) for hour in hours.split(",")] == minutes
    assert rest == ["*", "*", "*"]
    assert settings.schedule.longest_without_sync > timedelta(hours=every)


@given(st.integers(1, 10**9), st.sampled_from([48, 72, 96, 120, 144, 168]))
def test_no_pause_of_days_between_two_syncs_is_longer_than_asked_for(account_id: int, every: int) -> None:
    settings = Settings(sync_every_hours=every)
    # Three years, one of them a leap year.
    runs = croniter(settings.schedule.cron(account_id), datetime(2027, 1, 1, tzinfo=UTC))
    moments = [runs.get_next(datetime) for _ in range(3 * 366 * 24 // every)]
    pauses = [(after - before) / timedelta(hours=1) for before, after in pairwise(moments)]
    assert max(pauses) == every
    assert len(moments) / sum(pauses) < 1.2 / every
    assert settings.schedule.longest_without_sync > timedelta(hours=every)


def test_accounts_that_sync_every_few_days_take_turns() -> None:
    for every in (48, 72, 96, 120, 144, 168):
        settings = Settings(sync_every_hours=every)
        schedules = Counter(settings.schedule.cron(account_id).split(" ", 2)[2] for account_id in range(1, 1001))
        assert len(schedules) == every // 24
        assert min(schedules.values()) > 0.7 * 1000 * 24 / every
        # On each of these days the whole day is used.
        hours = {settings.schedule.cron(account_id).split()[1] for account_id in range(1, 2001)}
        assert len(hours) == 24


@pytest.mark.parametrize(
    "accounts", ["1²:secret", "²:secret", "0:secret", "-1:s", "1" * 19 + ":secret", "701: ", "701"]
)
def test_demo_accounts_that_can_be_none_are_refused(monkeypatch: pytest.MonkeyPatch, accounts: str) -> None:
    monkeypatch.setenv("HOSTAWAY_ACCOUNTS", accounts)
    with pytest.raises(ConfigurationError, match="HOSTAWAY_ACCOUNTS must look like"):
        get_settings().account_secrets()


@pytest.mark.parametrize("hours", ["0", "25", "36", "49", "192", "1.5", "x"])
def test_hours_between_syncs_that_cannot_be_are_named(monkeypatch: pytest.MonkeyPatch, hours: str) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SYNC_EVERY_HOURS", hours)
    with pytest.raises(ConfigurationError, match="SYNC_EVERY_HOURS"):
        get_settings()


@pytest.mark.parametrize(
    "written", ["2300", "82800", "23", "23:00+02:00", "23:00Z", "11 pm", "24:00", "9:00", "２３:００"]
)
def test_a_time_of_the_day_has_hours_and_minutes(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """Pydantic reads 2300 as seconds, 38 minutes past midnight."""
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SYNC_START", written)
    with pytest.raises(ConfigurationError, match="AIRFLOW__HOSTAWAY__SYNC_START"):
        get_settings()


@pytest.mark.parametrize("written", ["23:05", "23:05:00", " 23:05\n"])
def test_a_time_of_the_day_is_read(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__SYNC_START", written)
    assert get_settings().sync_start == time(23, 5)


def test_a_line_feed_at_the_end_of_a_value_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow reads `…_cmd` and files of secrets with the line feed at their end."""
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__METRICS_TOKEN", "a token\r\n")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__POLLING", "off\n")
    monkeypatch.setenv("PUBLIC_BASE_URL", " https://example.com/airflow/ \n")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PAGE_SIZE", "\n")
    settings = get_settings()
    assert settings.metrics_token.get_secret_value() == "a token"
    assert (settings.polling, settings.page_size) == ("off", 500)
    assert settings.webhook_base_url == "https://example.com/airflow"


@pytest.mark.parametrize("written", [",", " , "])
def test_no_resource_at_all_is_no_setting(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RESOURCES", written)
    with pytest.raises(ConfigurationError, match="AIRFLOW__HOSTAWAY__RESOURCES"):
        get_settings()
