"""A process that syncs one account with the settings of its environment; run by the tests, which kill it.

Arguments: account, mode, run key, resources with commas between them.
"""

from __future__ import annotations

import sys

from sync_hostaway.core.db import connect
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account

if __name__ == "__main__":
    account, mode, run_key, resources = sys.argv[1:]
    with connect() as connection:
        results = sync_account(
            connection, int(account), Mode(mode), [Resource(name) for name in resources.split(",")], run_key=run_key
        )
    sys.exit(not all(result.is_complete for result in results))
