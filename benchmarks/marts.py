"""The marts: how long they take to build, and the query of one account and one year on each of them."""

from __future__ import annotations

import time

from benchmarks import generated
from benchmarks.environment import Environment, as_settings
from benchmarks.options import Options
from benchmarks.process import environment
from benchmarks.report import Result, Spread, Target
from sync_hostaway.core.db import Connection, connect

_ACCOUNTS = {"S": 20, "M": 200, "L": 1_000}
_SHAPE = generated.Shape()
# What is asked of one account: a year, or what is known today
QUERIES = {
    "listing_nights": "date between current_date - 365 and current_date",
    "listing_performance": "period = 'month' and period_date between current_date - 365 and current_date",
    "booking_pace": "as_of_date = current_date",
    "pickup": "as_of_date = current_date and days = 7",
    "reservation_history": "arrival_date > current_date - 365",
    "reservation_changes": "changed_at > now() - interval '1 year'",
    "calendar_price_changes": "date > current_date - 365",
    "channel_mix": "arrival_month > current_date - 365",
    "reservation_revenue": "arrival_date > current_date - 365",
    "guest_value": "true",
    "message_response": "asked_at > now() - interval '1 year'",
    "review_summary": "true",
    "owner_statement_lines": "departure_month > current_date - 365",
    "occupancy_taxes": "departure_month > current_date - 365",
    "portfolio_gaps": "true",
}


def run(options: Options) -> list[Result]:
    """Land made-up rows, build everything, change ten reservations, and ask each mart."""
    accounts = _ACCOUNTS[options.size]
    reservations = accounts * _SHAPE.reservations
    with Environment() as bed:
        dsn = bed.database()
        settings = {"SYNC_HOSTAWAY_HOME": str(bed.scratch / "home"), "WAREHOUSE_URL": dsn}
        with as_settings(environment(settings)), connect() as connection:
            options.say(f"marts: landing {reservations:,} reservations of {accounts} accounts")
            generated.land(connection, accounts, _SHAPE)
            options.say("marts: building everything")
            full = {run.name: run.seconds for run in generated.transform(connection).models}
            connection.execute("vacuum analyze")
            deltas = []
            chosen = generated.choose_reservations(connection)
            for number in range(3):
                generated.change_reservations(connection, chosen, number)
                began = time.monotonic()
                generated.transform(connection)
                deltas.append(time.monotonic() - began)
            # half-way through the accounts: its rows are neither the first nor the last of a table
            seconds = {name: ask(connection, name, accounts // 2) for name in QUERIES}
    result = Result(
        f"marts: {accounts} accounts of 500 reservations", ("mart", "built in s", "one account, one year: ms")
    )
    for name, spread in seconds.items():
        result.rows.append([name, f"{full[name]:.1f}", spread.text(1)])
    result.rows.append(["ten changed reservations, core and marts", Spread.of(deltas).text(2), "-"])
    slowest = max(spread.median or 0 for spread in seconds.values())
    result.targets.append(Target("slowest query of one account and one year", 100, slowest, unit=" ms"))
    return [result]


def query(name: str, account: int) -> str:
    """The usual query of a mart for one account."""
    return f"select * from marts.{name} where account_id = {account} and {QUERIES[name]}"  # noqa: S608 - our own words


def ask(connection: Connection, name: str, account: int) -> Spread:
    """Milliseconds of that query."""
    times = []
    for _ in range(6):
        began = time.monotonic()
        connection.execute(query(name, account)).fetchall()
        times.append((time.monotonic() - began) * 1000)
    # the first one reads from disk
    return Spread.of(times[1:])
