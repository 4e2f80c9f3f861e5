"""One Airflow Dag per mirrored account: hostaway_sync__<account_id>. This file has a quarter of them (2 of 4).

Airflow parses a file as a whole. With four files, a change of one account costs a quarter of all, and each file is far
from Airflow's time limits with thousands of accounts. `sync_hostaway.sync_dags` builds the Dags.
"""

from __future__ import annotations

from sync_hostaway.sync_dags.build import dags_of_file

globals().update(dags_of_file(__file__))
