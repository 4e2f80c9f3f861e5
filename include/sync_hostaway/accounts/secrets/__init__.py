"""Stores of API keys: encrypted in the database, or in Airflow connections."""

from __future__ import annotations
