"""Mirrors Hostaway accounts into PostgreSQL: the engine behind the Dags, usable without Airflow.

The names in `__all__` are the Python API (docs/python-api.md). They are imported at their first use: Dag files are
parsed every few seconds and need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync_hostaway.python_api import (
        AccountStatus,
        Mode,
        Progress,
        Resource,
        SyncReport,
        SyncResult,
        TransformResult,
        add_account,
        list_accounts,
        migrate,
        sync,
        transform,
    )

__all__ = [
    "AccountStatus",
    "Mode",
    "Progress",
    "Resource",
    "SyncReport",
    "SyncResult",
    "TransformResult",
    "add_account",
    "list_accounts",
    "migrate",
    "sync",
    "transform",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.python_api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
