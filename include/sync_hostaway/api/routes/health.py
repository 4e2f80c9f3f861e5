"""The health check: 200 or 503 for monitoring, and the reasons for operators only."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import psycopg
import structlog
from fastapi import Depends, HTTPException, Request, Response
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import BaseModel, Field

from sync_hostaway import migrations
from sync_hostaway.api.account_session import Pool
from sync_hostaway.api.auth.operator import admit_operator, allow_anyone
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.problems import Problem
from sync_hostaway.core.db import Connection, fetch_value, load_queries

log = structlog.get_logger(__name__)
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

# The route needs no credentials and each check takes a connection, so the results are cached.
_CACHE_SECONDS = 2.0
_POOL_TIMEOUT = 2.0
_MAX_INBOX_LAG = 900.0
# Failing accounts whose reason is shown. The page has all.
_MAX_REASONS = 10

router = guarded_router(tags=["health"])


class Check(BaseModel):
    """One check."""

    name: Literal["warehouse", "migrations", "inbox", "syncs"]
    ok: bool
    detail: str = Field(examples=["The oldest unprocessed event waits for 0 s"])


class Health(BaseModel):
    """The result of the health check."""

    status: Literal["ok", "failing"]
    checks: list[Check] | None = Field(None, description="For operators only")


class HealthChecks:
    """Runs the checks at most every two seconds and caches the results."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._checked_at = float("-inf")
        self._checks: list[Check] = []

    def results(self) -> list[Check]:
        """Return the results. Checks are left out when the database cannot be reached or is not migrated."""
        with self._lock:
            if time.monotonic() - self._checked_at > _CACHE_SECONDS:
                self._checks = self._run()
                self._checked_at = time.monotonic()
            return self._checks

    def _run(self) -> list[Check]:
        checks = [Check(name="warehouse", ok=True, detail="Reachable")]
        try:
            with self._pool.connection(timeout=_POOL_TIMEOUT) as connection:
                checks.append(_migrations(connection))
                if checks[-1].ok:
                    checks += [_inbox(connection), _syncs(connection)]
        except psycopg.OperationalError as error:
            checks[0] = Check(name="warehouse", ok=False, detail=f"Not reachable ({type(error).__name__})")
        failing = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
        if failing:
            log.warning("health_failing", checks=failing)
        return checks


def _migrations(connection: Connection) -> Check:
    revision, head = migrations.revision(connection), migrations.head()
    ok = revision is not None and revision >= head
    detail = f"At revision {revision or 'none'}, this version needs {head}"
    return Check(name="migrations", ok=ok, detail=detail if ok else f"{detail}: run `sync-hostaway migrate`")


def _inbox(connection: Connection) -> Check:
    lag = float(fetch_value(connection, _QUERIES["inbox_lag"]))
    return Check(name="inbox", ok=lag <= _MAX_INBOX_LAG, detail=f"The oldest unprocessed event waits for {lag:.0f} s")


def _syncs(connection: Connection) -> Check:
    """Not ok if the status of an account is `failing`: the views are those of the page and of the alerts."""
    [accounts] = connection.execute(_QUERIES["accounts"]).fetchall()
    resources = connection.execute(_QUERIES["resources"]).fetchall()
    failing = {row["account_id"]: row for row in reversed(resources) if row["status"] == "failing"}
    if failing:
        reasons = [_text_of(row) for _, row in sorted(failing.items())]
        detail = f"Accounts that are failing: {len(failing)}; {'; '.join(reasons[:_MAX_REASONS])}"
        if len(reasons) > _MAX_REASONS:
            detail += f"; and {len(reasons) - _MAX_REASONS} more"
    else:
        detail = f"Accounts up to date: {accounts['complete']}"
        if accounts["waiting"]:
            detail += f"; without a complete sync so far: {accounts['waiting']}"
    for row in resources:
        if row["status"] == "not_available":
            detail += f"; {_text_of(row)}"
    return Check(name="syncs", ok=not failing, detail=detail)


def _text_of(row: dict[str, Any]) -> str:
    return f"account {row['account_id']}, {row['resource']}: {row['reason']}"


async def _is_operator(request: Request) -> bool:
    # Not a security scheme of the route, because the route needs no credentials.
    _, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if not token and not request.cookies:
        return False
    try:
        await admit_operator(request)
    except (Problem, HTTPException):
        return False
    return True


@router.get(
    "/health",
    summary="Health check",
    dependencies=[Depends(allow_anyone)],
    responses={503: {"model": Health}},
)
async def get_health(
    request: Request, response: Response, is_operator: Annotated[bool, Depends(_is_operator)]
) -> Health:
    """Check that the warehouse is reachable and migrated, and that events and syncs are on time; 503 if one fails."""
    state = request.app.state
    checks = await state.bulkheads["health"].run(None, state.health.results)
    ok = all(check.ok for check in checks)
    response.status_code = 200 if ok else 503
    return Health(status="ok" if ok else "failing", checks=checks if is_operator else None)
