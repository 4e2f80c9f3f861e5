"""Mirrors Hostaway accounts into PostgreSQL: the engine behind the Dags, usable without Airflow."""

from __future__ import annotations
