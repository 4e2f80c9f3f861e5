"""Paths of the HTTP apps in Airflow's API server."""

from __future__ import annotations

MOUNT = "/hostaway/webhooks"
"""Path of the webhook receiver in the API server."""
