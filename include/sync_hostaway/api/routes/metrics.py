"""Figures for Prometheus: the state of the mirror, read from the database at each scrape.

Airflow's own metrics (runs, tasks, pools, parsing) come from Airflow, over StatsD or OpenTelemetry: docs/operations.md.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials
from fastapi.security.utils import get_authorization_scheme_param
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeHistogramMetricFamily, GaugeMetricFamily, Metric

from sync_hostaway.api.account_session import Pool
from sync_hostaway.api.auth.operator import admit_operator, bearer
from sync_hostaway.api.http.guarded import guarded_router, guards
from sync_hostaway.api.http.openapi_errors import OPERATORS_ONLY
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.settings import get_settings
from sync_hostaway.polling.usage import address_usage

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# The statuses of ops.account_status. A status without accounts is 0, so that its series always exists.
_STATUSES = ("action_required", "failing", "warning", "syncing", "healthy", "paused")
_BUCKETS = ("0.5", "1", "2", "5", "10", "30", "60", "300", "+Inf")
# Several servers may scrape.
_GOOD_FOR_SECONDS = 5.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = guarded_router(tags=["health"], responses=OPERATORS_ONLY)


async def _admit(request: Request, scopes: Sequence[str] = ()) -> None:
    """Admit a scraper with the token of the settings, and operators.

    :raises Problem: as for operators.
    """
    _, token = get_authorization_scheme_param(request.headers.get("authorization"))
    expected = get_settings().metrics_token.get_secret_value()
    if expected and hmac.compare_digest(token.encode(), expected.encode()):
        request.state.caller = {"scraper": True}
        return
    await admit_operator(request, scopes)


@guards(_admit, bulkhead="health")
async def scraper(_: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
    """Guard of the route that scrapers read."""


class Figures:
    """The metrics as text, read from the database at most every few seconds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._text = b""

    def text(self) -> bytes:
        """In Prometheus' text format."""
        with self._lock:
            if time.monotonic() - self._read_at > _GOOD_FOR_SECONDS:
                registry = CollectorRegistry(auto_describe=False)
                with self._pool.connection() as connection:
                    registry.register(_Collector(connection))
                    self._text = generate_latest(registry)
                self._read_at = time.monotonic()
            return self._text


class _Collector:
    """The collector that Prometheus' client calls for the metrics."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def describe(self) -> Iterable[Metric]:
        """No metric exists before the first read of the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every metric with its values now."""
        build = GaugeMetricFamily("hostaway_build", "The version that runs", labels=["version"])
        build.add_metric([version("sync-hostaway")], 1)
        yield build
        yield from _of_accounts(self._rows("accounts"))
        yield from _totals(self._rows("totals"))
        yield from self._freshness()
        yield from self._budget()
        yield from self._transform()
        alerts = GaugeMetricFamily("hostaway_alerts", "Conditions that need an operator", labels=["kind"])
        for row in self._rows("alerts"):
            alerts.add_metric([row["kind"]], row["alerts"])
        yield alerts

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return self._connection.execute(_QUERIES[name]).fetchall()

    def _freshness(self) -> Iterable[Metric]:
        [inbox] = self._rows("inbox")
        events = GaugeMetricFamily("hostaway_inbox_events", "Webhook events by state", labels=["state"])
        for state in ("pending", "dead"):
            events.add_metric([state], inbox[state])
        yield events
        yield _gauge("hostaway_inbox_oldest_seconds", "Age of the oldest pending event", inbox["oldest_seconds"])
        [served] = self._rows("freshness")
        yield GaugeHistogramMetricFamily(
            "hostaway_freshness_seconds",
            "From the webhook to the table, events of the last hour",
            buckets=list(zip(_BUCKETS, served["buckets"], strict=True)),
            gsum_value=served["seconds"],
        )

    def _budget(self) -> Iterable[Metric]:
        limit = GaugeMetricFamily("hostaway_budget_calls_per_second", "Calls that it may send", labels=["address"])
        hours = GaugeMetricFamily(
            "hostaway_budget_day_hours", "Duration of a usual day's calls at the limit", labels=["address"]
        )
        for usage in address_usage(self._connection):
            limit.add_metric([usage.address], usage.limit / 86_400 if usage.limit else float("inf"))
            hours.add_metric([usage.address], usage.hours or 0.0)
        yield from (limit, hours)
        permits = GaugeMetricFamily("hostaway_budget_permits", "Permits in use", labels=["address"])
        for row in self._rows("permits"):
            permits.add_metric([row["address"]], row["permits"])
        yield permits
        waiting = GaugeMetricFamily(
            "hostaway_budget_waiting_calls", "Calls that wait for a permit", labels=["address", "priority"]
        )
        for row in self._rows("waiters"):
            waiting.add_metric([row["address"], row["priority"]], row["calls"])
        yield waiting

    def _transform(self) -> Iterable[Metric]:
        [row] = self._rows("transform")
        yield _gauge("hostaway_loads_pending", "Loads that wait for the transform", row["pending_loads"])
        yield _gauge("hostaway_loads_oldest_seconds", "Age of the oldest of them", row["oldest_seconds"])
        if row["seconds"] is not None:
            yield _gauge("hostaway_transform_seconds", "Duration of the last transform", row["seconds"])
        if row["is_failing"] is not None:
            yield _gauge("hostaway_transform_failing", "1: the last transform failed", row["is_failing"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    dependencies=[Depends(scraper)],
    response_class=PlainTextResponse,
)
def get_metrics(request: Request) -> Response:
    """The state of the mirror in Prometheus' text format."""
    figures: Figures = request.app.state.figures
    return Response(figures.text(), media_type=_CONTENT_TYPE)


def _of_accounts(rows: list[dict[str, Any]]) -> Iterable[Metric]:
    statuses = GaugeMetricFamily("hostaway_accounts", "Accounts by status", labels=["status"])
    for status in _STATUSES:
        statuses.add_metric([status], sum(row["status"] == status for row in rows))
    yield statuses
    for name, column, help_text in (
        ("hostaway_account_failing", "is_failing", "1: failing, or an operator must act"),
        ("hostaway_account_age_seconds", "age_seconds", "Since the last complete sync of the resource furthest behind"),
        ("hostaway_account_rows", "rows_mirrored", "Rows of the last complete full syncs"),
        ("hostaway_account_quarantined_rows", "quarantined_rows", "Rows in quarantine"),
        ("hostaway_account_deferred_rows", "deferred_rows", "Rows whose parent has not landed"),
        ("hostaway_account_pending_events", "pending_events", "Pending webhook events"),
        ("hostaway_account_dead_events", "dead_events", "Webhook events that ran out of tries"),
        ("hostaway_account_running_syncs", "running_syncs", "Syncs that run now"),
    ):
        family = GaugeMetricFamily(name, help_text, labels=["account_id"])
        for row in rows:
            if row[column] is not None:
                family.add_metric([str(row["account_id"])], float(row[column]))
        yield family


def _totals(rows: list[dict[str, Any]]) -> Iterable[Metric]:
    calls = CounterMetricFamily("hostaway_api_calls", "Requests of finished syncs and deltas", labels=["account_id"])
    changed = CounterMetricFamily("hostaway_rows_changed", "New and changed rows that landed", labels=["account_id"])
    syncs = CounterMetricFamily("hostaway_syncs", "Finished syncs of a resource", labels=["account_id", "status"])
    for row in rows:
        account_id = str(row["account_id"])
        calls.add_metric([account_id], float(row["api_calls"]))
        changed.add_metric([account_id], float(row["rows_changed"]))
        for status in ("complete", "incomplete", "failed"):
            syncs.add_metric([account_id, status], float(row[status]))
    yield from (calls, changed, syncs)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)
