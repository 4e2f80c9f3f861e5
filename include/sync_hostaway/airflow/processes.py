"""Functions of the embedded platform that run inside Airflow's own processes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def run_command(command: Sequence[str]) -> None:
    """Run an Airflow command in this process. Returns when it ends."""
    from airflow.__main__ import main

    sys.argv = ["airflow", *command]
    main()


def base_url() -> str:
    """Return the URL of the API server."""
    from airflow.configuration import conf

    return str(conf.get_mandatory_value("api", "base_url"))


def prepare_database(pools: Mapping[str, tuple[int, str]], *, migrate: bool) -> dict[str, Any]:
    """Migrate Airflow's schema, then create pools.

    :param pools: slots and description by name.
    :returns: versions of Airflow and of its schema.
    """
    from airflow import __version__
    from airflow.models.pool import Pool
    from airflow.utils import db
    from airflow.utils.session import create_session
    from sqlalchemy import text

    if migrate:
        db.upgradedb()
    with create_session() as session:
        for name, (slots, use) in pools.items():
            Pool.create_or_update_pool(name, slots, use, include_deferred=False, session=session)
        revision = session.scalar(text("select version_num from alembic_version"))
    return {"airflow": __version__, "revision": revision}
