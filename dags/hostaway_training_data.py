"""hostaway_training_data: conversations as training data for language models, on request."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from sync_hostaway.airflow.dags import DEFAULT_ARGS, TAG, start_of_oldest
from sync_hostaway.hostaway.values import LARGEST_ID


@dag(
    description="Exports redacted conversations as training data",
    doc_md="""
Writes conversations, and pairs of question and answer, as JSON lines into a new folder below
`exports/training-data` of `SYNC_HOSTAWAY_HOME`. Names, addresses, contacts, codes, links and payment details are
replaced; erased guests are left out. The task returns the manifest and the folder. `docs/exports.md` describes the
files.

Nothing removes old folders. Delete those that are older than an erasure.

**Triage**

* `There are no core tables yet`: run `hostaway_transform` first.
* A folder that ends in `.unfinished` is of a run that was killed. Delete it.
""",
    schedule=None,
    start_date=start_of_oldest(),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=[TAG, "export"],
    default_args=DEFAULT_ARGS,
    params={
        "account_id": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            # PostgreSQL's bigint has no larger ones, and an error would be retried.
            maximum=LARGEST_ID,
            description="Only this account; empty: all accounts",
        ),
    },
)
def hostaway_training_data() -> None:
    @task
    def export() -> dict[str, Any]:
        from datetime import UTC, datetime

        from sync_hostaway.core.db import connect
        from sync_hostaway.core.settings import get_settings
        from sync_hostaway.exports.training_data import export_training_data

        # Of this try: a folder of an earlier one may be there.
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        folder = get_settings().home / "exports" / "training-data" / name
        account_id = get_current_context()["params"]["account_id"]
        with connect() as connection:
            manifest = export_training_data(connection, folder, account_id=account_id)
        return {"folder": str(folder), **manifest}

    export()


hostaway_training_data()
