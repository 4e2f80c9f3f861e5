"""`sync-hostaway plan`."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Column, Table

from sync_hostaway.cli.options import AsJson, warehouse
from sync_hostaway.core.console import cell, echo, print_error, print_json, print_table
from sync_hostaway.polling.plan import AccountPlan, Plan, make_plan


def plan(as_json: AsJson = False) -> None:
    """Show the calls of a day, their duration at the request limits, and the polling interval that fits.

    The figures come from the syncs of the last month. The command makes no calls.
    """
    with warehouse() as connection:
        made = make_plan(connection)
    if as_json:
        print_json(asdict(made))
    else:
        _show(made)
    for warning in made.warnings:
        print_error(warning)


def _show(made: Plan) -> None:
    right = {"justify": "right"}
    accounts = Table(
        "account",
        "address",
        *(Column(name, **right) for name in ("listings", "reservations", "conversations")),  # type: ignore[arg-type]  # of rich
        *(Column(name, **right) for name in ("full sync", "takes", "a sync", "a day")),  # type: ignore[arg-type]  # of rich
        "polled",
        title="Calls",
    )
    for one in made.accounts:
        accounts.add_row(*(cell(value) for value in _values(one)))
    print_table(accounts)
    for address in made.addresses:
        if address.limit is None:
            echo(f"Address {address.address}: {address.calls_a_day:,.0f} calls a day; no limit is set.")
            continue
        echo(
            f"Address {address.address}: {address.calls_a_day:,.0f} calls a day, {address.share or 0:.1%} of its limit "
            f"of {address.limit:g} calls a second; {address.busy_hours or 0:.1f} hours if they came one after another."
        )
    for first in made.first_syncs:
        echo(
            f"First sync of account {first.account_id}: {first.share:.0%} of the rows that are read first: "
            f"{first.reservations_read or 0} of {first.reservations or '?'} reservations, {first.calendars_read} of "
            f"{first.listings} calendars, {first.recent_conversations_read} of {first.recent_conversations} "
            "conversations of the last 90 days."
        )
    echo(f"Accounts without a healthy webhook are polled every {made.poll_minutes:.0f} minutes.")


def _values(one: AccountPlan) -> list[object]:
    sizes = [_number(one.rows.get(name)) for name in ("listings", "reservations", "conversations")]
    takes = f"{one.full_seconds / 60:.0f} min" if one.full_seconds is not None else None
    return [
        one.account_id,
        one.address,
        *sizes,
        _number(one.full_calls),
        takes,
        _number(one.sync_calls),
        _number(round(one.calls_a_day)),
        "yes" if one.is_polled else "no",
    ]


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"
