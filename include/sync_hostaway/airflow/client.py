"""A small client of Airflow's public REST API (v2), for delta runs and the embedded platform."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Self
from urllib.parse import quote, urlencode

import requests

from sync_hostaway.core.exceptions import AirflowApiError
from sync_hostaway.core.redirects import DirectSession, is_redirect, redirect_target
from sync_hostaway.core.settings import is_loopback
from sync_hostaway.core.text import visible

FINISHED = frozenset({"success", "failed"})
_TIMEOUT = (3.0, 30.0)
_PAGE = 100


@dataclass(frozen=True)
class DagRun:
    """A run of a Dag."""

    dag_id: str
    run_id: str
    state: str
    conf: dict[str, Any]

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


class AirflowApi:
    """Client of one API server. It logs in at the first request, and again when its token has expired.

    It uses the proxies and the CA bundle of the environment, but no proxy for this machine.

    :param token: used first, if given.
    """

    def __init__(self, url: str, user: str, password: str, *, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._credentials = {"username": user, "password": password}
        self._session = DirectSession()
        if not is_loopback(url):
            # With proxies and CA bundle of the environment, but without ~/.netrc, which would replace the token.
            environment = self._session.merge_environment_settings(self.url, {}, None, None, None)
            self._session.proxies.update(environment["proxies"])
            self._session.verify = environment["verify"]
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def health(self) -> dict[str, Any]:
        """Return state and latest heartbeat of each component. It needs no login."""
        return self._checked(self._send("GET", "/api/v2/monitor/health"))

    def preload_project(self) -> None:
        """Make the API server build the models of the API for tasks, which it otherwise builds at their first request.

        This takes more than 2 s, for which the first task would wait.
        """
        self._checked(self._send("GET", "/execution/health"))

    def dags(self) -> list[dict[str, Any]]:
        """Every Dag."""
        return self._all("/dags", "dags")

    def request_parse(self, file: str, dags: str) -> bool:
        """Make Airflow parse a Dag file now. Returns whether it could: the API names a file by one of its Dags.

        :param file: name of the file.
        :param dags: part of the ids of its Dags. Only the first 100 Dags with such ids are looked at.
        """
        filters = urlencode({"dag_id_pattern": dags, "limit": _PAGE})
        for dag in self._call("GET", f"/dags?{filters}")["dags"]:
            if PurePosixPath(dag["relative_fileloc"] or "").name == file:
                self._call("PUT", f"/parseDagFile/{_part(dag['file_token'])}")
                return True
        return False

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the Dag files that could not be imported, with their errors."""
        return self._all("/importErrors", "import_errors")

    def wait_for_dags(self, wanted: set[str], timeout: float) -> None:
        """Wait until Airflow has parsed these Dags. A healthy Airflow may not have done so yet.

        :raises AirflowApiError: when they do not appear in time; the message has the import errors of Dag files.
        """
        deadline = time.monotonic() + timeout
        while wanted - {dag["dag_id"] for dag in self.dags()}:
            errors = self.import_errors()
            if errors or time.monotonic() > deadline:
                raise AirflowApiError(f"Airflow does not show the Dags {sorted(wanted)}: {errors or 'not in time'}")
            time.sleep(0.2)

    def trigger_dag_run(
        self,
        dag_id: str,
        conf: dict[str, Any] | None = None,
        run_id: str | None = None,
        *,
        run_after: datetime | None = None,
    ) -> DagRun:
        """Request a run, now or at a later moment. Its conf holds the Dag's params.

        :raises AirflowApiError: status 409 when a run of that id exists, 404 when there is no such Dag.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if run_id:
            body["dag_run_id"] = run_id
        if run_after:
            body["run_after"] = run_after.isoformat()
        return _dag_run(self._call("POST", f"/dags/{_part(dag_id)}/dagRuns", body))

    def dag_run(self, dag_id: str, run_id: str) -> DagRun:
        """One run."""
        return _dag_run(self._call("GET", _run_path(dag_id, run_id)))

    def dag_runs(self, dag_id: str) -> list[DagRun]:
        """Return every run of a Dag."""
        return [_dag_run(found) for found in self._all(f"/dags/{_part(dag_id)}/dagRuns", "dag_runs")]

    def has_run(self, dag_id: str, state: str, *, run_after: datetime) -> bool:
        """Return whether a run of a Dag is in this state and may start at or before that moment."""
        filters = urlencode({"state": state, "run_after_lte": run_after.isoformat(), "limit": 1})
        return bool(self._call("GET", f"/dags/{_part(dag_id)}/dagRuns?{filters}")["dag_runs"])

    def _all(self, path: str, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", f"{path}?limit={_PAGE}&offset={len(found)}")
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        if "Authorization" not in self._session.headers:
            self._log_in()
        response = self._send(method, f"/api/v2{path}", body)
        if response.status_code == requests.codes.unauthorized:
            self._log_in()
            response = self._send(method, f"/api/v2{path}", body)
        return self._checked(response)

    def _log_in(self) -> None:
        token = self._checked(self._send("POST", "/auth/token", self._credentials))["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        try:
            return self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise AirflowApiError(f"Airflow at {self.url} does not answer ({type(error).__name__}).") from None

    def _checked(self, response: requests.Response) -> dict[str, Any]:
        # Only the bodies of our requests hold secrets, so messages may show method and URL.
        asked = f"{response.request.method} {response.url}"
        if is_redirect(response):
            raise AirflowApiError(
                f"{asked} answered {response.status_code}, a redirect to {redirect_target(response)}. The login is "
                "not sent there. Set the URL of Airflow's API server itself.",
                status=response.status_code,
            )
        if not response.ok:
            raise AirflowApiError(
                f"{asked} answered {response.status_code}: {visible(response.text[:500])}", status=response.status_code
            )
        try:
            content = response.json() if response.content else {}
        except requests.JSONDecodeError:
            raise AirflowApiError(f"The answer of {asked} is not JSON: {visible(response.text[:200])}") from None
        return content if isinstance(content, dict) else {"items": content}


def _part(name: str) -> str:
    return quote(name, safe="")


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"


def _dag_run(found: dict[str, Any]) -> DagRun:
    return DagRun(
        dag_id=found["dag_id"],
        run_id=found["dag_run_id"],
        state=found["state"],
        conf=found["conf"] or {},
    )
