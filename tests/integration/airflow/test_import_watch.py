"""An import of a Dag file that comes near Airflow's limit is reported long before."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.sync_dags.import_watch import note_import

pytestmark = pytest.mark.integration


def test_an_import_is_reported_from_a_third_of_the_limit_on(warehouse: Connection, airflow: Path) -> None:
    note_import("hostaway_sync.py", 5.0, [])
    assert warehouse.execute("select 1 from ops.dag_processors").fetchall() == []
    note_import("hostaway_sync.py", 6.0, [])
    note_import("hostaway_sync_2.py", 0.1, [701])
    rows = warehouse.execute(
        "select file, import_seconds, round(import_limit) as import_limit, missing_accounts "
        "from ops.dag_processors order by file"
    ).fetchall()
    # Airflow allows 50 s for import and serialisation, which take three times as long as the import.
    assert rows == [
        {"file": "hostaway_sync.py", "import_seconds": 6.0, "import_limit": 17.0, "missing_accounts": []},
        {"file": "hostaway_sync_2.py", "import_seconds": 0.1, "import_limit": 17.0, "missing_accounts": [701]},
    ]
