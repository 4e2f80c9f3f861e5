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
    "landing": "rows per second of the landing writer",
    "marts": "time to build the marts, and of the query of one account and one year on each",
    "webhook_ack": "time until a webhook is acknowledged, at 50 a second and at most",
    "api": "latency of the HTTP API at 100 requests/s, and what row-level security costs",
    "outages": "lost events and time to catch up: scheduler away for 10 minutes, PostgreSQL for 2",
}
# Half an hour of waiting, as outages take the time they take.
ON_REQUEST = frozenset({"outages"})
# How often each figure is measured when the user does not say. What is not named here is never repeated.
RUNS = {"demo": 1, "memory": 1, "sync": 1, "limits": 1, "landing": 2, "marts": 1, "api": 1}
