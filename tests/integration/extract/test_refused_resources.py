"""A resource that Hostaway refuses is in a state of its own: no run fails of it, and no other resource waits for it."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sync_hostaway.accounts import registry
from sync_hostaway.accounts.status import account_status
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import AccessDenied, HostawayServerError, SyncIncomplete
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.early_transform import transform_before_retries, transform_if_run_has_failures
from sync_hostaway.extract.engine import SyncResult, sync_account, sync_resource
from sync_hostaway.hostaway.endpoints import TOKEN_DENIED_MESSAGE
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.transforms import run_transform

pytestmark = pytest.mark.integration


def refuse(simulator: RunningSimulator, path: str, status: int, message: str = "Not for you") -> None:
    fault: dict[str, Any] = {"kind": "status_5xx", "status": status}
    if status == requests.codes.forbidden:
        fault = {"kind": "forbid", "message": message}
    simulator.control.fault(**fault, match={"path": path}, times=0)


def calls(simulator: RunningSimulator) -> int:
    return simulator.control.calls("coupons.list")


def sync(warehouse: Connection, account: int, *resources: Resource, mode: Mode = Mode.FULL) -> dict[str, SyncResult]:
    return {r.resource.value: r for r in sync_account(warehouse, account, mode, resources or None)}


@pytest.mark.parametrize("status", [403, 404, 405, 410, 501])
@pytest.mark.parametrize("resource", [Resource.COUPONS, Resource.LISTINGS])
def test_a_refused_list_fails_nothing(
    warehouse: Connection, simulator: RunningSimulator, account: int, resource: Resource, status: int
) -> None:
    refuse(simulator, f"^/v1/{resource}($|\\?)", status)
    results = sync(warehouse, account, Resource.USERS, resource)
    assert results["users"].status == "complete"
    refused = results[resource.value]
    assert (refused.status, refused.has_failed, refused.is_complete) == ("refused", False, False)
    assert f"Hostaway refuses {resource} (HTTP {status}" in (refused.error or "")
    assert "asked again daily" in (refused.error or "")
    assert f'"{resource}": false' in (refused.error or "")


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Financial reporting feature is not enabled for your account", "refused"),
        ("You do not have access to this resource", "refused"),
        ("Resource not found", "refused"),
        (TOKEN_DENIED_MESSAGE, "refused"),
        ("Internal error", "failed"),
        ("Access is temporarily not allowed, try again later", "failed"),
    ],
)
def test_the_text_of_a_failure_with_http_200_tells_a_refusal(
    warehouse: Connection, simulator: RunningSimulator, account: int, message: str, status: str
) -> None:
    simulator.control.fault("fail_200", message=message, match={"path": "^/v1/coupons"}, times=0)
    found = sync(warehouse, account, Resource.USERS, Resource.COUPONS)["coupons"]
    assert found.status == status
    assert message in (found.error or "")


def test_a_refused_resource_is_asked_again_daily_and_at_once_when_it_is_named(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/coupons", 403)
    assert sync(warehouse, account)["coupons"].status == "refused"
    assert calls(simulator) == 1
    for _ in range(3):
        assert sync(warehouse, account, mode=Mode.INCREMENTAL)["coupons"].status == "refused"
    assert calls(simulator) == 1
    sync(warehouse, account, Resource.COUPONS)
    assert calls(simulator) == 2
    warehouse.execute("update ops.sync_runs set started_at = started_at - interval '23 hours'")
    sync(warehouse, account)
    assert calls(simulator) == 3
    simulator.control.clear_faults()
    assert sync(warehouse, account)["coupons"].status == "refused"
    warehouse.execute("update ops.sync_runs set started_at = started_at - interval '23 hours'")
    assert sync(warehouse, account)["coupons"].status == "complete"
    assert sync(warehouse, account)["coupons"].status == "complete"


def test_a_refusal_is_shown_and_does_not_make_the_account_late(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/coupons", 404)
    sync(warehouse, account)
    status = account_status(warehouse, account)
    assert status.lag_seconds is not None
    assert status.complete_at is not None
    [trouble] = status.problems
    assert trouble.startswith("Hostaway refuses coupons (HTTP 404")
    run_transform(warehouse, requested_by="test")
    [row] = warehouse.execute("select status, error from hostaway.sync_logs where resource = 'coupons'").fetchall()
    assert (row["status"], row["error"]) == ("refused", trouble)
    registry.change_options(warehouse, account, {"resources": {"coupons": False}})
    assert account_status(warehouse, account).problems == []


def test_a_denied_token_is_no_refusal_of_a_resource(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/(?!accessTokens)", 403, TOKEN_DENIED_MESSAGE)
    with registry.client_for(warehouse, account) as client, pytest.raises(AccessDenied):
        sync_resource(warehouse, client, Resource.COUPONS, Mode.FULL, run_key="denied")


def test_a_list_alone_that_says_the_token_is_denied_is_refused(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/coupons", 403, TOKEN_DENIED_MESSAGE)
    assert sync(warehouse, account, Resource.COUPONS)["coupons"].status == "refused"


def test_an_account_whose_every_list_is_refused_fails(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/(?!accessTokens)", 404)
    assert sync(warehouse, account, Resource.COUPONS)["coupons"].status == "failed"


@pytest.mark.parametrize(
    ("resource", "parents", "path"),
    [
        (Resource.MESSAGES, Resource.CONVERSATIONS, "/messages"),
        (Resource.CALENDAR_DAYS, Resource.LISTINGS, "/calendar"),
    ],
)
@pytest.mark.parametrize("status", [403, 404, 501])
def test_what_is_read_parent_by_parent_may_be_refused_too(
    warehouse: Connection,
    simulator: RunningSimulator,
    account: int,
    resource: Resource,
    parents: Resource,
    path: str,
    status: int,
) -> None:
    refuse(simulator, path, status)
    results = sync(warehouse, account, parents, resource)
    assert (results[parents.value].status, results[resource.value].status) == ("complete", "refused")


def test_a_few_parents_that_are_refused_are_no_refusal_of_the_resource(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    sync(warehouse, account, Resource.LISTINGS)
    first = warehouse.execute("select min(entity_id) as id from landing.listings").fetchone()
    assert first
    refuse(simulator, f"/listings/{first['id']}/calendar", 403)
    assert sync(warehouse, account, Resource.CALENDAR_DAYS)["calendar_days"].status == "incomplete"


def test_children_of_a_refused_parent_reach_core(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/listings", 403)
    refused = {"listings", "calendar_days"}
    results = sync(warehouse, account)
    assert {name for name, result in results.items() if result.status == "refused"} == refused
    assert not any(result.has_failed for result in results.values())
    run_transform(warehouse, requested_by="test")
    for resource in (Resource.RESERVATIONS, Resource.CONVERSATIONS, Resource.MESSAGES):
        query = "select count(*) as rows from {}.{}"
        [core] = warehouse.execute(query.format("hostaway", resource)).fetchall()
        [landed] = warehouse.execute(query.format("landing", resource)).fetchall()
        assert core == landed
        assert core["rows"] > 0


def test_what_landed_is_transformed_while_another_resource_waits_for_its_retry(
    warehouse: Connection, simulator: RunningSimulator, account: int
) -> None:
    refuse(simulator, "^/v1/coupons", 500)
    with registry.client_for(warehouse, account) as client:
        sync_resource(warehouse, client, Resource.USERS, Mode.FULL, run_key="run")
        assert not transform_if_run_has_failures(warehouse, account, "run")
        with pytest.raises(HostawayServerError):
            sync_resource(warehouse, client, Resource.COUPONS, Mode.FULL, run_key="run")
        assert transform_if_run_has_failures(warehouse, account, "run")
        assert warehouse.execute("select count(*) > 0 as there from hostaway.users").fetchone() == {"there": True}
        sync_resource(warehouse, client, Resource.LISTINGS, Mode.FULL, run_key="run")
        assert transform_if_run_has_failures(warehouse, account, "run")
        assert warehouse.execute("select count(*) > 0 as there from hostaway.listings").fetchone() == {"there": True}
        simulator.control.clear_faults()
        sync_resource(warehouse, client, Resource.COUPONS, Mode.FULL, run_key="run")
        assert not transform_if_run_has_failures(warehouse, account, "run")


# Messages are asked for by threads.
@pytest.mark.parametrize(("resource", "path"), [(Resource.COUPONS, "^/v1/coupons"), (Resource.MESSAGES, "/messages")])
def test_what_landed_is_transformed_while_another_resource_waits_for_an_answer(
    warehouse: Connection, simulator: RunningSimulator, account: int, resource: Resource, path: str
) -> None:
    refuse(simulator, path, 500)
    with registry.client_for(warehouse, account) as client:
        sync_resource(warehouse, client, Resource.USERS, Mode.FULL, run_key="run")
        sync_resource(warehouse, client, Resource.CONVERSATIONS, Mode.FULL, run_key="run")
        client.before_retry = transform_before_retries("run", after=0)
        with pytest.raises((HostawayServerError, SyncIncomplete)):
            sync_resource(warehouse, client, resource, Mode.FULL, run_key="run")
    found = warehouse.execute("select count(*) as transforms from ops.transforms").fetchone()
    assert found == {"transforms": 1}, "the first retry transforms, those soon after it do not"
    assert warehouse.execute("select count(*) > 0 as there from hostaway.users").fetchone() == {"there": True}
