"""Where API keys are kept: in the database, encrypted, or in Airflow connections."""

from __future__ import annotations
