"""Paths of the HTTP apps in Airflow's API server."""

from __future__ import annotations

MOUNT = "/hostaway/webhooks"
"""Where the API server serves the receiver."""
