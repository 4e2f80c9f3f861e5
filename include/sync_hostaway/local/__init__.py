"""The embedded platform: PostgreSQL from a wheel and Airflow, for one state directory."""

from __future__ import annotations
