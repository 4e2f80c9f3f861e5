"""Adapters to Airflow: hook, provider, operators, Dag runs. No other package imports Airflow."""

from __future__ import annotations
