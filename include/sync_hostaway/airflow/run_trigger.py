"""Requests Dag runs: inside the API server, or over Airflow's REST API from other places.

The run id makes the request idempotent: a request for an existing run changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from sync_hostaway.airflow.client import AirflowApi
from sync_hostaway.airflow.parse_request import request_parse
from sync_hostaway.core.dag_ids import SYNC_DAG_PREFIX, sync_file
from sync_hostaway.core.exceptions import AirflowApiError, ConfigurationError, RunNotRequested
from sync_hostaway.core.run_trigger import QUEUED, RunTrigger
from sync_hostaway.core.settings import Settings, get_settings

log = structlog.get_logger(__name__)


def configured_trigger(settings: Settings | None = None) -> RunTrigger:
    """Return the trigger that the setting `run_trigger` selects.

    :raises ConfigurationError: when `rest` lacks a URL or credentials.
    """
    settings = settings or get_settings()
    if settings.run_trigger == "in-process":
        return InProcessTrigger()
    has_credentials = settings.airflow_token.get_secret_value() or (
        settings.airflow_user and settings.airflow_password.get_secret_value()
    )
    if not settings.airflow_url or not has_credentials:
        raise ConfigurationError(
            "AIRFLOW__HOSTAWAY__RUN_TRIGGER is rest, which needs AIRFLOW__HOSTAWAY__AIRFLOW_URL and either "
            "AIRFLOW__HOSTAWAY__AIRFLOW_TOKEN or AIRFLOW__HOSTAWAY__AIRFLOW_USER and …_PASSWORD"
        )
    return RestTrigger(
        settings.airflow_url,
        settings.airflow_user or "",
        settings.airflow_password.get_secret_value(),
        settings.airflow_token.get_secret_value() or None,
    )


class InProcessTrigger:
    """A trigger for processes of Airflow that may use its database: the API server, not tasks.

    Unlike the REST API, `trigger_dag` accepts runs for paused Dags and for Dags whose file cannot be imported at the
    moment. This is intended: the run waits until the Dag is available.
    """

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        """See `RunTrigger`."""
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.exceptions import AirflowException, DagNotFound, DagRunAlreadyExists
        from airflow.utils.types import DagRunTriggeredByType
        from sqlalchemy.exc import IntegrityError, SQLAlchemyError

        try:
            trigger_dag(
                dag_id,
                triggered_by=DagRunTriggeredByType.REST_API,
                triggering_user_name="sync-hostaway",
                run_id=run_id,
                run_after=run_after,
                conf=conf,
                replace_microseconds=False,
            )
        except (DagRunAlreadyExists, IntegrityError):
            # IntegrityError: another process created the run at the same moment.
            return self._state(dag_id, run_id)
        except DagNotFound:
            raise RunNotRequested(f"Airflow has not parsed the Dag {dag_id} yet") from None
        except (AirflowException, ValueError, SQLAlchemyError) as error:
            raise RunNotRequested(f"Airflow does not accept a run of {dag_id}: {error}") from error
        return QUEUED

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        """See `RunTrigger`."""
        from airflow.models import DagRun

        is_soon = DagRun.run_after <= until
        return self._first(DagRun.run_id, DagRun.dag_id == dag_id, DagRun.state == QUEUED, is_soon) is not None

    def request_parse(self, account_id: int) -> None:
        """See `RunTrigger`."""
        request_parse(account_id)

    def _state(self, dag_id: str, run_id: str) -> str:
        from airflow.models import DagRun

        return str(self._first(DagRun.state, DagRun.dag_id == dag_id, DagRun.run_id == run_id))

    def _first(self, column: Any, *conditions: Any) -> Any:
        from airflow.utils.session import create_session
        from sqlalchemy import select
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with create_session() as session:
                return session.scalar(select(column).where(*conditions).limit(1))
        except SQLAlchemyError as error:
            raise RunNotRequested(f"Airflow's database does not answer ({type(error).__name__})") from error


class RestTrigger:
    """A trigger that uses Airflow's REST API, as a user who may create runs.

    :param token: a JWT, instead of user and password.
    """

    def __init__(self, url: str, user: str, password: str, token: str | None = None) -> None:
        self._api = AirflowApi(url, user, password, token=token)

    def request_run(
        self, dag_id: str, run_id: str, *, conf: dict[str, Any] | None = None, run_after: datetime | None = None
    ) -> str:
        """See `RunTrigger`."""
        try:
            try:
                return self._api.trigger_dag_run(dag_id, conf, run_id, run_after=run_after).state
            except AirflowApiError as error:
                if error.status != 409:
                    raise
                return self._api.dag_run(dag_id, run_id).state
        except AirflowApiError as error:
            raise RunNotRequested(str(error)) from error

    def is_waiting(self, dag_id: str, until: datetime) -> bool:
        """See `RunTrigger`."""
        try:
            return self._api.has_run(dag_id, QUEUED, run_after=until)
        except AirflowApiError as error:
            raise RunNotRequested(str(error)) from error

    def request_parse(self, account_id: int) -> None:
        """See `RunTrigger`. A file without any Dag waits for Airflow's next round: the REST API cannot name it."""
        try:
            is_requested = self._api.request_parse(sync_file(account_id), SYNC_DAG_PREFIX)
        except AirflowApiError as error:
            # Also when the parse is requested already.
            log.info("dag_parse_not_requested", error=str(error))
        else:
            if not is_requested:
                log.info("dag_parse_not_requested", error="the file has no Dag yet")
