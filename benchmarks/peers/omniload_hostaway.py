"""Mirrors one account with omniload's Hostaway source. Runs in the peers' environment; knows nothing of this project.

omniload loads one table per command. The four loads run in one process here, which saves it three starts of Python.
Its client has the real API's address as a constant and takes a token that exists already; only the address is replaced.
Everything else is its default, but for the calendars: they are loaded for the listings that changed since the last run
and replace the whole table, which drops those of quiet listings. An interval that covers everything avoids that.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta


def main() -> None:
    """Run once; the options come as JSON on the command line."""
    options = json.loads(sys.argv[1])
    os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "DISABLE_TELEMETRY": "true"})
    from omniload import run_ingest
    from omniload.source.hostaway.client import HostawayClient

    HostawayClient.BASE_URL = options["api_url"]
    everything = {
        "interval_start": datetime(1970, 1, 1, tzinfo=UTC),
        "interval_end": datetime.now(UTC) + timedelta(days=1),
    }
    for table in options["tables"]:
        run_ingest(
            source_uri=f"hostaway://?api_key={options['token']}",
            source_table=table,
            dest_uri=options["dsn"],
            dest_table=f"{options['schema']}.{table}",
            extract_parallelism=options["concurrency"],
            pipelines_dir=options["state"],
            progress="log",
            **(everything if table == "listing_calendars" else {}),
        )


if __name__ == "__main__":
    main()
