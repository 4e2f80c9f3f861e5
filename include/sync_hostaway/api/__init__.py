"""The HTTP API of operators and host applications: one FastAPI app, mounted at /hostaway by the Airflow plugin."""

from __future__ import annotations
