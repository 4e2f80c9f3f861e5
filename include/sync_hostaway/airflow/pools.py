"""Airflow's pools that the Dags name."""

from __future__ import annotations

DBT_POOL = "hostaway_dbt"
"""One slot: dbt must not write twice at a time (two runs collide on its backup tables)."""
SYNC_POOL = "hostaway_sync"
"""Fewer slots than the executor has: however many accounts sync, what a webhook asks for finds one free."""
