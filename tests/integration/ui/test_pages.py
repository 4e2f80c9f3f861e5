"""The operations page as a browser gets it: what each role sees, and what the buttons do."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api_helpers import Login, RecordedRuns
from sync_hostaway.accounts.registry import disable_account, get_account
from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.core.settings import get_settings
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator
from sync_hostaway.ui.app import create_app
from sync_hostaway.ui.form_token import HEADER

PAGES = ["/", "/?status=failing", "/?search=701", "/freshness", "/documentation", "/accounts/701", "/accounts/701/live"]
GUEST = "guest-name-in-a-payload"


@pytest.fixture
def recorded_runs() -> RecordedRuns:
    return RecordedRuns()


@pytest.fixture
def visit(
    warehouse: Connection, account: int, recorded_runs: RecordedRuns, login: Login
) -> Iterator[Callable[[str], TestClient]]:
    """A browser that is logged in to Airflow with a role: it has the cookie, and no header."""
    sync_account(warehouse, 701, Mode.FULL, [Resource.LISTINGS])
    warehouse.execute(
        "insert into ops.webhook_events "
        "(account_id, content_hash, state, event, object, object_id, reason, body, finished_at) "
        "values (701, sha256('a'), 'dead', 'reservation.updated', 'reservation', 20117, 'out of attempts', "
        "convert_to(%s, 'utf8'), now())",
        [GUEST],
    )
    warehouse.execute(
        "insert into ops.quarantine (account_id, resource, entity_id, severity, reason, payload, payload_hash) "
        "values (701, 'reservations', 'x', 'rejected', 'its id cannot be read', %s, sha256('b'))",
        [f'{{"guestName": "{GUEST}"}}'],
    )
    with TestClient(create_app(recorded_runs), raise_server_exceptions=False) as client:

        def visit(role: str) -> TestClient:
            client.cookies.clear()
            if role:
                client.cookies.set("_token", login(role)["Authorization"].removeprefix("Bearer "))
            return client

        yield visit


def token_of(page: str) -> dict[str, str]:
    """The header that the page's own script sends."""
    found = re.search(r'<meta name="form-token" content="([^"]*)">', page)
    assert found
    return {HEADER: found[1]}


class Outline(HTMLParser):
    """What a page is made of: elements with their attributes, and whether tags are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_no_page_without_a_login(visit: Callable[[str], TestClient]) -> None:
    client = visit("")
    for page in [*PAGES, "/accounts/701/quarantine/1", "/accounts/701/data", "/dag/hostaway_delta"]:
        answer = client.get(page)
        assert answer.status_code == 401
        assert "Log in to Airflow" in answer.text
        assert "701" not in answer.text


@pytest.mark.parametrize("role", ["viewer", "op"])
def test_pages_are_well_formed_and_run_nothing_inline(visit: Callable[[str], TestClient], role: str) -> None:
    client = visit(role)
    for page in PAGES:
        _is_well_formed(client.get(page))


def _is_well_formed(answer: Any) -> None:
    assert answer.status_code == 200
    outline = Outline(answer.text)
    assert outline.open == []
    for tag, attributes in outline.elements:
        assert tag != "style"
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag != "script" or attributes.get("src")
        assert tag != "a" or not str(attributes["href"]).startswith(("/", "http"))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_viewers_get_no_guest_data_and_no_buttons(visit: Callable[[str], TestClient]) -> None:
    client = visit("viewer")
    page = client.get("/accounts/701").text
    for hidden in (GUEST, "20117", "its id cannot be read", "Request sync", "hx-post"):
        assert hidden not in page
    assert client.get("/accounts/701/quarantine/1").status_code == 403
    assert token_of(page) == {HEADER: ""}


def test_operators_see_what_is_in_quarantine_when_they_ask(visit: Callable[[str], TestClient]) -> None:
    client = visit("op")
    page = client.get("/accounts/701").text
    assert "its id cannot be read" in page
    assert GUEST not in page
    assert GUEST in client.get("/accounts/701/quarantine/1").text
    assert client.get("/accounts/702/quarantine/1").status_code == 404


def test_every_button_needs_the_token_of_the_page_and_the_permission(
    visit: Callable[[str], TestClient], warehouse: Connection
) -> None:
    form = {"api_key": "secret-701"}
    routes = [route for route in create_app(RecordedRuns()).routes if isinstance(route, APIRoute)]
    writes = {route.path for route in routes if "POST" in route.methods}
    assert len(writes) >= 7
    for write in writes:
        path = write.format(account_id=701, event_id=1)
        client = visit("op")
        token = token_of(client.get("/accounts/701").text)
        assert client.post(path, data=form).status_code == 403
        assert client.post(path, data=form, headers={HEADER: token[HEADER][:-1] + "x"}).status_code == 403
        assert client.post(path, data=form, headers={**token, "Sec-Fetch-Site": "cross-site"}).status_code == 403
        # the token of another user
        assert visit("viewer").post(path, data=form, headers=token).status_code == 403
        assert visit("").post(path, data=form, headers=token).status_code == 401
    assert get_account(warehouse, 701).state == "active"


def test_sync_now_asks_airflow_for_a_run(visit: Callable[[str], TestClient], recorded_runs: RecordedRuns) -> None:
    client = visit("op")
    token = token_of(client.get("/accounts/701").text)
    answer = client.post("/accounts/701/sync", data={"mode": "full", "resources": ["listings"]}, headers=token)
    assert answer.status_code == 200
    [(dag_id, run_id, conf)] = recorded_runs.runs
    assert (dag_id, conf) == ("hostaway_sync__701", {"mode": "full", "resources": ["listings"]})
    assert run_id in answer.text


def test_pause_resume_and_a_new_key_are_noted_with_the_operator(
    visit: Callable[[str], TestClient], warehouse: Connection
) -> None:
    client = visit("op")
    token = token_of(client.get("/accounts/701").text)
    assert client.post("/accounts/701/pause", data={"reason": "season over"}, headers=token).status_code == 200
    assert get_account(warehouse, 701).state == "disabled"
    assert "Paused" in client.get("/").text
    assert client.post("/accounts/701/sync", data={}, headers=token).status_code == 409
    assert client.post("/accounts/701/resume", headers=token).status_code == 200
    broken = client.post("/accounts/701/pause", data={"reason": "two\nlines"}, headers={**token, "HX-Request": "true"})
    assert broken.status_code == 422
    wrong = client.post("/accounts/701/rotate", data={"api_key": "wrong"}, headers={**token, "HX-Request": "true"})
    assert wrong.status_code == 422
    assert "does not accept" in wrong.text
    assert client.post("/accounts/701/rotate", data={"api_key": "secret-701"}, headers=token).status_code == 200
    page = client.get("/accounts/701").text
    assert "op-person" in page
    assert "disabled: season over" in page


def test_dead_events_are_tried_again(visit: Callable[[str], TestClient], warehouse: Connection) -> None:
    client = visit("op")
    token = token_of(client.get("/accounts/701").text)
    answer = client.post("/accounts/701/retry-dead", headers=token)
    assert "1 events are processed again" in answer.text
    row = warehouse.execute("select state, attempts from ops.webhook_events").fetchone()
    assert row == {"state": "pending", "attempts": 0}


def test_the_list_is_filtered_and_searched(visit: Callable[[str], TestClient], warehouse: Connection) -> None:
    warehouse.execute("insert into ops.accounts (account_id, name) values (702, 'Seaside & Sons <b>')")
    disable_account(warehouse, 702)
    client = visit("viewer")
    assert "Seaside &amp; Sons &lt;b&gt;" in client.get("/").text
    assert "accounts/702" not in client.get("/?status=warning").text
    assert "accounts/701" not in client.get("/?search=SEA").text
    assert "accounts/702" in client.get("/?search=SEA").text
    assert "No account fits" in client.get("/?search=nothing").text


def test_the_page_of_a_dag_leads_to_its_account(visit: Callable[[str], TestClient]) -> None:
    client = visit("viewer")
    answer = client.get("/dag/hostaway_sync__701", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "../accounts/701")
    assert client.get("/dag/hostaway_delta").status_code == 200


def test_an_unknown_account_is_named_as_a_page(visit: Callable[[str], TestClient]) -> None:
    answer = visit("op").get("/accounts/999")
    assert answer.status_code == 404
    assert "There is no account 999" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_the_page_works_while_hostaway_is_down(visit: Callable[[str], TestClient], simulator: RunningSimulator) -> None:
    simulator.control.fault("reset", times=0)
    client = visit("op")
    assert all(client.get(page).status_code == 200 for page in PAGES)


DOCUMENTATION = [
    "/documentation",
    "/documentation/tables",
    "/documentation/tables?name=reservations",
    "/documentation/page",
]


def test_the_documentation_needs_a_login_and_says_when_there_is_none_yet(visit: Callable[[str], TestClient]) -> None:
    assert {visit("").get(path).status_code for path in DOCUMENTATION} == {401}
    page = visit("viewer").get("/documentation")
    assert page.status_code == 200
    assert "is not built yet" in page.text
    assert visit("viewer").get("/documentation/page").status_code == 404
    assert visit("viewer").get("/documentation/tables?name=<script>").status_code == 422


def test_dbts_page_is_sandboxed_and_opens_no_other_page(
    warehouse: Connection, visit: Callable[[str], TestClient]
) -> None:
    questions = [{"number": 1, "question": "How many <b>?", "sql": "select 1 < 2", "tables": ["reservations"]}]
    warehouse.execute(
        "insert into ops.documentation (project_hash, page, questions) values ('x', %s, %s)",
        [gzip.compress(b"<title>dbt Docs</title>"), json.dumps(questions)],
    )
    overview = visit("viewer").get("/documentation").text
    assert "How many &lt;b&gt;?" in overview
    assert "select 1 &lt; 2" in overview
    assert "Revenue manager" in overview
    for encoding in ("gzip", "identity"):
        answer = visit("viewer").get("/documentation/page", headers={"Accept-Encoding": encoding})
        assert answer.text == "<title>dbt Docs</title>"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts;")
        assert "allow-same-origin" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
    known = {"If-None-Match": answer.headers["etag"]}
    assert visit("viewer").get("/documentation/page", headers=known).status_code == 304
    assert visit("").get("/documentation/page", headers=known).status_code == 401
    frame = visit("viewer").get("/documentation/tables?name=reservations")
    assert 'sandbox="allow-scripts"' in frame.text
    assert "page#!/model/model.sync_hostaway.reservations" in frame.text
    for path in ("/", "/documentation", "/documentation/tables"):
        policy = visit("viewer").get(path).headers["content-security-policy"]
        assert "unsafe" not in policy
        assert ("frame-src" in policy) is (path == "/documentation/tables")


@pytest.mark.parametrize(
    ("proxies", "rows", "fits"),
    [
        ("", [("default", 2, 140_000, "25.9 of 24")], False),
        ("a,b", [("default, proxy 1", 1, 70_000, "13.0 of 24"), ("default, proxy 2", 1, 70_000, "13.0 of 24")], True),
    ],
)
def test_the_plan_of_the_day_compares_each_outgoing_address(
    visit: Callable[[str], TestClient],
    warehouse: Connection,
    monkeypatch: pytest.MonkeyPatch,
    proxies: str,
    rows: list[tuple[str, int, int, str]],
    fits: bool,
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "15/10")
    monkeypatch.setenv(
        "AIRFLOW__HOSTAWAY__PROXIES", ",".join(f"http://{name}:3128" for name in proxies.split(",") if name)
    )
    get_settings.cache_clear()
    _plant_usual_days(warehouse, 70_000)
    page = visit("op").get("/freshness").text
    found = re.findall(r"<tr><th scope=\"row\" data-label=\"Outgoing address\">.*</tr>", page)
    assert len(found) == len(rows)
    for row, (address, accounts, calls, hours) in zip(found, rows, strict=True):
        assert f">{address}</th>" in row
        assert f">{accounts}</td>" in row
        assert f">{calls:,}</td>" in row
        assert f">{hours} " in row
    assert ("The day does not fit." in page) is not fits
    assert "are polled every 5 minutes" in page


def _plant_usual_days(warehouse: Connection, calls: int) -> None:
    """Two accounts, of which each uses another one of two proxies, with seven days of calls."""
    warehouse.execute("insert into ops.accounts (account_id) values (700)")
    warehouse.execute("update ops.accounts set created_at = now() - interval '30 days'")
    warehouse.execute(
        "insert into ops.account_days (account_id, day, api_calls) select account_id, today - n, %s"
        " from ops.accounts cross join generate_series(1, 7) as n"
        " cross join (select (now() at time zone 'UTC')::date as today) as days",
        [calls],
    )


def test_addresses_that_serve_any_account_count_together(
    visit: Callable[[str], TestClient], warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "15/10")
    get_settings.cache_clear()
    _plant_usual_days(warehouse, 70_000)
    assert "The day does not fit." in visit("op").get("/freshness").text
    # workers with AIRFLOW__HOSTAWAY__BUDGET_IP_KEY=second sent a call within a day
    warehouse.execute(
        "insert into ops.rate_limit_permits"
        " (scope, key, permit_number, permit_id, window_length, taken_at, paced_at, free_at)"
        " values ('ip', 'second', 1, gen_random_uuid(), '10 seconds', now(), now(), now() + interval '10 seconds')"
    )
    page = visit("op").get("/freshness").text
    assert "default, second" in page
    assert "13.0 of 24" in page
    assert "The day does not fit." not in page


def test_the_first_day_has_no_usual_day_yet(visit: Callable[[str], TestClient]) -> None:
    page = visit("op").get("/freshness").text
    assert "known after the first whole day" in page
    assert "usual day takes" not in page


def test_a_rejected_key_is_explained_once(visit: Callable[[str], TestClient], warehouse: Connection) -> None:
    warehouse.execute("update ops.accounts set state = 'credentials_rejected', state_reason = 'no [url /v1]'")
    page = visit("op").get("/accounts/701").text
    assert page.count("Hostaway does not accept the API key") == 1
    assert page.count("→ Store a new API key") == 1
    assert 'href="#actions-title"' in page
    assert 'href="#actions-title"' not in visit("viewer").get("/accounts/701").text
