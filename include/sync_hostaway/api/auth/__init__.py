"""Who may call: tokens of host applications, operators of Airflow."""

from __future__ import annotations
