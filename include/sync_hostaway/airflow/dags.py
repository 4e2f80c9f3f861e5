"""Helpers that the Dag files share: tags, start dates and the rules for retries."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, get_parsing_context

from sync_hostaway.accounts.options import AccountOptions
from sync_hostaway.accounts.snapshot import SnapshotAccount, load_snapshot
from sync_hostaway.accounts.snapshot_refresh import refreshed_snapshot
from sync_hostaway.core import exceptions
from sync_hostaway.core.exceptions import InvalidOptions, InvalidValue
from sync_hostaway.core.settings import Settings, get_settings

TAG = "hostaway"

FAIL_FAST_ERRORS = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[
                exceptions.CredentialsRejected,
                exceptions.AccountError,
                exceptions.ConfigurationError,
                exceptions.ForeignObjects,
                exceptions.InvalidValue,
            ],
            action=RetryAction.FAIL,
            reason="A retry cannot help: an operator must act",
        )
    ]
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "sync-hostaway",
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
    "retry_policy": FAIL_FAST_ERRORS,
}


def retry_within(task_instance: Any) -> timedelta | None:
    """How soon Airflow tries a task again if this try fails; None: this try is the last one.

    The pause between two tries, and a quarter of an hour in which the task may wait for a place in its pool.
    """
    if task_instance.try_number > task_instance.max_tries:
        return None
    pause: timedelta = DEFAULT_ARGS["max_retry_delay"]
    return pause + timedelta(minutes=15)


SINCE_PATTERN = (
    r"^((19|20|21)[0-9]{2}-"
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    # leap days: 1900 and 2100 have none
    r"|((19|20|21)(0[48]|[2468][048]|[13579][26])|2000)-02-29)"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?"
    # $ in Python also matches before a line break at the end.
    r"$(?!\n)"
)
"""JSON schema pattern of the parameter `since`. Every text that matches is a valid day or moment."""


def since_of(text: str | None) -> datetime | None:
    """Return the moment of the parameter `since`. Without a time zone, it is UTC.

    :raises InvalidValue: when it is not a valid moment. A retry does not help.
    """
    if text is None:
        return None
    if not isinstance(text, str) or not re.search(SINCE_PATTERN, text):
        raise InvalidValue(
            "The parameter `since` must be a date and time of the years 1900 to 2199, such as 2026-03-01T00:00:00Z"
        )
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def start_of(account: SnapshotAccount) -> datetime:
    """Return the start date of an account's Dag: when the account was registered.

    With an earlier date, Airflow would start a scheduled run at once, beside the first sync that the registration
    requests.
    """
    return datetime.fromisoformat(account.registered_at)


def start_of_oldest() -> datetime | None:
    """Return the start date of the Dags for all accounts: when the registry was created.

    None on a worker, where it has no effect, and as long as neither the registry nor a copy of its list was ever read.
    """
    if get_parsing_context().dag_id is not None:
        return None
    path = get_settings().snapshot_file
    # The Dag files of the accounts refresh the copy.
    snapshot = load_snapshot(path) or refreshed_snapshot(path)
    if snapshot.installed_at:
        return datetime.fromisoformat(snapshot.installed_at)
    return min((start_of(account) for account in snapshot.accounts), default=None)


def settings_of(account: SnapshotAccount) -> Settings:
    """Return the settings of an account in the snapshot. Options that this version does not accept are ignored."""
    if not account.options:
        return get_settings()
    with suppress(InvalidOptions):
        return AccountOptions.of(account.account_id, account.options).applied_to(get_settings())
    return get_settings()
