"""Mirrors one account with dlt's rest_api source. Runs in the peers' environment; knows nothing of this project.

The configuration is what dlt's documentation leads to: one resource per list, merge on the primary key, reservations
incremental on `updatedOn` (the list is sorted by it, newest first, so `row_order` ends the read early), messages as a
resource that depends on conversations. Where dlt gives a choice, the faster one is taken.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source


def _list(name: str, path: str, params: dict[str, Any], **endpoint: Any) -> dict[str, Any]:
    return {
        "name": name,
        "primary_key": "id",
        "write_disposition": "merge",
        "endpoint": {
            "path": path,
            "params": params,
            "data_selector": "result",
            # 100 rows is the documented page. The paginator adds the limit to the offset, so a limit that the server
            # cuts silently would skip rows: the documented page is the safe choice.
            "paginator": {"type": "offset", "limit": 100, "total_path": "count"},
            **endpoint,
        },
    }


def source(options: dict[str, Any]) -> Any:
    """The four resources that dlt and this project both mirror."""
    everything = {"includeResources": 1}
    messages = _list("messages", "conversations/{resources.conversations.id}/messages", {"includeScheduledMessages": 1})
    reservations = _list(
        "reservations",
        "reservations",
        {**everything, "includePayments": 1, "includeCancellationPolicy": 1},
        incremental={
            "cursor_path": "updatedOn",
            "initial_value": "1970-01-01 00:00:00",
            "row_order": "desc",
            "on_cursor_value_missing": "include",
        },
    )
    return rest_api_source(
        {
            "client": {
                "base_url": f"{options['api_url']}/v1/",
                "auth": {"type": "bearer", "token": options["token"]},
            },
            "resource_defaults": {"parallelized": True},
            "resources": [
                _list("listings", "listings", everything),
                reservations,
                _list("conversations", "conversations", everything),
                messages,
            ],
        },
        name="hostaway",
        max_table_nesting=0,
        parallelized=True,
    )


def main() -> None:
    """Run once; the options come as JSON on the command line."""
    options = json.loads(sys.argv[1])
    os.environ.update(
        {
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "EXTRACT__WORKERS": str(options["concurrency"]),
            "EXTRACT__MAX_PARALLEL_ITEMS": str(2 * options["concurrency"]),
            "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "100000",
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="hostaway",
        destination=dlt.destinations.postgres(options["dsn"]),
        dataset_name=options["schema"],
        pipelines_dir=options["state"],
    )
    info = pipeline.run(source(options), loader_file_format="csv")
    info.raise_on_failed_jobs()


if __name__ == "__main__":
    main()
