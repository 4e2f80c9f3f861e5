"""What this project costs and how fast it is, measured beside its peers: `make bench`, explained in docs/benchmarks.md.

A benchmark is a module of this package with a function `run(options: Options) -> list[Result]`, and its name in
`BENCHMARKS`. Nothing here decides whether a build passes: timings depend on the machine and on what else it does.
"""

from __future__ import annotations

BENCHMARKS = {
    "demo": "make demo: command to result table, and start-up of the platform",
    "memory": "peak memory of a sync at 1k and 20k reservations, 1k and 5k threads",
    "sync": "calls, time, CPU, memory and lost rows of a sync, beside dlt and omniload",
    "landing": "rows per second of the landing writer",
}
