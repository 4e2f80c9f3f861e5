"""What this project costs and how fast it is, measured beside its peers: `make bench`, explained in docs/benchmarks.md.

A benchmark is a module of this package with a function `run(options: Options) -> list[Result]`, and its name in
`BENCHMARKS`. Nothing here decides whether a build passes: timings depend on the machine and on what else it does.
"""

from __future__ import annotations

BENCHMARKS = {
    "demo": "make demo: command to result table, and start-up of the platform",
    "memory": "peak memory of a sync at 1k and 20k reservations, 1k and 5k conversations",
    "sync": "calls, time, CPU, memory and lost rows of a sync, beside dlt and omniload",
    "limits": "three accounts in two processes within one request limit: time beside the ideal, 429s",
    "delta": "seconds from a change at Hostaway to the core tables, through Airflow",
    "poll": "calls of polls and second syncs, and seconds from a change to the core tables by polling",
    "dags": "CPU to parse and serialize the Dags of 10, 1,000 and 5,000 accounts, beside bare Dags",
    "new_dags": "seconds from the registration of 1,000 accounts, and of one more, to their Dags in Airflow",
    "components": "memory of each component of the embedded platform, with one account and with 1,000",
    "landing": "rows per second of the landing writer",
    "marts": "time to build the marts, and of the query of one account and one year on each",
    "webhook_ack": "time until a webhook is acknowledged, at 50 a second and at most",
    "api": "latency of the HTTP API at 100 requests/s, and what row-level security costs",
    "scale": "all of the four that follow",
    "scale_build": "full build of 100,000 reservations, and how long their guests take",
    "scale_rows": "one account with a million reservations: a change and an export, beside 10,000",
    "scale_syncs": "first and daily syncs of 1,000 accounts: calls, CPU",
    "scale_accounts": "1,000 accounts: queries of the marts, routes, operations page, changes",
    "outages": "lost events and time to catch up: scheduler away for 10 minutes, PostgreSQL for 2",
}
# Half an hour each: outages take the time they take, and so do a thousand accounts.
ON_REQUEST = frozenset({"outages", "scale", "scale_build", "scale_rows", "scale_syncs", "scale_accounts"})
# How often each figure is measured when the user does not say. What is not named here is never repeated.
RUNS = {"demo": 1, "memory": 1, "sync": 1, "limits": 1, "landing": 2, "marts": 1, "api": 1}
