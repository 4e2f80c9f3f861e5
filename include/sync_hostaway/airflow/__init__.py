"""The adapters to Airflow: hook, provider, operators, Dag runs, HTTP apps. Nothing else imports Airflow."""

from __future__ import annotations
