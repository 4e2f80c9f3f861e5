"""Requests that the Dag processor parses the Dag file of an account now."""

from __future__ import annotations

from pathlib import PurePosixPath

import structlog

from sync_hostaway.core.dag_ids import MAINTENANCE_DAG_ID, sync_file

log = structlog.get_logger(__name__)


def request_parse(account_id: int) -> None:
    """Make Airflow parse the Dag file of an account now. It only saves time and never fails."""
    try:
        _request_parse(sync_file(account_id))
    except Exception as error:  # noqa: BLE001 - where there is no Airflow, or no database of it, the next round comes
        log.info("dag_parse_not_requested", error=type(error).__name__)


def _request_parse(name: str) -> None:
    from airflow.models import DagModel
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        # Any Dag of this bundle gives the folder, because there may be no Dag of an account yet.
        found = session.execute(
            select(DagModel.bundle_name, DagModel.relative_fileloc).where(DagModel.dag_id == MAINTENANCE_DAG_ID)
        ).first()
        if found:
            file = PurePosixPath(found.relative_fileloc).with_name(name)
            session.merge(DagPriorityParsingRequest(bundle_name=found.bundle_name, relative_fileloc=str(file)))
