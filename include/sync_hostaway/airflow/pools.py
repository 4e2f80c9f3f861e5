"""Airflow pools that the Dags use."""

from __future__ import annotations

DBT_POOL = "hostaway_dbt"
"""One slot, because two dbt runs at the same time collide on dbt's backup tables."""
SYNC_POOL = "hostaway_sync"
"""Fewer slots than the executor has, so that webhook events find a free slot while many accounts sync."""
