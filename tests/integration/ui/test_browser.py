"""The operations page in a real browser, inside the real UI of Airflow and its frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, Route, expect

from chromium import chromium
from databases import Server, create_database, drop_database
from free_port import free_port
from sync_hostaway.accounts.snapshot import SnapshotAccount, write_snapshot
from sync_hostaway.core.db import connect
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import run_transform
from sync_hostaway.transforms.documentation import publish_documentation, read_questions
from ui_scene import plant
from waiting import eventually

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[3]
ACCOUNTS = 1000
# Of the scene: an account whose reservations fail, and one that is paused.
FAILING, PAUSED = 10043, 10091


class Site:
    """Airflow's API server with our plugin, before a database with a thousand accounts.

    :param url: of Airflow.
    :param dsn: of the database of sync-hostaway.
    """

    def __init__(self, url: str, dsn: str, passwords: dict[str, str]) -> None:
        self.url = url
        self.dsn = dsn
        self._passwords = passwords

    def login(self, context: BrowserContext, user: str) -> None:
        """Give a browser the cookie of a user, as Airflow's page of login does."""
        login = {"username": user, "password": self._passwords[user]}
        token = requests.post(f"{self.url}/auth/token", json=login, timeout=30).json()["access_token"]
        context.add_cookies([{"name": "_token", "value": token, "url": self.url}])


@pytest.fixture(scope="module")
def site(
    postgres: Server, airflow_copy: Callable[[], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("ui")
    airflow_environment = airflow_copy()
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as admin:
        create_database(admin, "w_ui", "template_warehouse")
        dsn = postgres.dsn("w_ui")
        with connect(dsn) as warehouse:
            plant(warehouse, ACCOUNTS)
        write_snapshot(home / "accounts.json", [SnapshotAccount(FAILING)])
        port = free_port()
        environment = {
            **os.environ,
            **airflow_environment,
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "mona:op,vera:viewer",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "SYNC_HOSTAWAY_HOME": str(home),
            "WAREHOUSE_URL": dsn,
            "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
            "HOSTAWAY_API_URL": "http://127.0.0.1:9",
        }
        airflow = [sys.executable, "-W", "ignore", "-m", "airflow"]
        # Without the registry, there are Dags of the accounts in the file only: a thousand take long to write.
        without_registry = {**environment, "WAREHOUSE_URL": "postgresql://nouser@127.0.0.1:9/nowhere"}
        command = [*airflow, "dags", "reserialize"]
        subprocess.run(command, env=without_registry, check=True, capture_output=True, timeout=180)
        with (
            (home / "api-server.log").open("w") as log,
            subprocess.Popen(
                [*airflow, "api-server", "--host", "127.0.0.1", "--port", str(port)],
                env=environment,
                stdout=log,
                stderr=log,
            ) as server,
        ):
            url = f"http://127.0.0.1:{port}"
            try:
                eventually(lambda: _answers(f"{url}/hostaway/ui/static/page.css"), 120)
                passwords = Path(airflow_environment["AIRFLOW_HOME"], "simple_auth_manager_passwords.json.generated")
                yield Site(url, dsn, json.loads(passwords.read_text()))
            finally:
                server.terminate()
        drop_database(admin, "w_ui")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def open_page(site: Site, browser: Browser) -> Iterator[Any]:
    """Opens a page as a user; the test fails when the page's policy or script complains."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(user: str, path: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        site.login(context, user)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{site.url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    # dbt's templates name addresses of icons that Angular puts in a moment later; the sandbox refuses them.
    ours = [text for text in complaints if not text.startswith("Unsafe attempt to load URL") or "/%7B%7B" not in text]
    assert [text for text in ours if "Content Security Policy" in text or "hostaway" in text] == []


def frame_of(page: Page) -> Frame:
    """The frame in which Airflow shows our page."""
    page.wait_for_selector("iframe")
    found = page.locator("iframe").element_handle()
    assert found
    frame = found.content_frame()
    assert frame
    frame.wait_for_selector("main")
    return frame


@pytest.fixture(scope="module")
def documented(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The tables are built, and their documentation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNC_HOSTAWAY_HOME", str(tmp_path_factory.mktemp("documentation")))
        get_settings.cache_clear()
        with connect(site.dsn) as warehouse:
            run_transform(warehouse, requested_by="test")
            publish_documentation(warehouse)
    get_settings.cache_clear()
    return site


def test_an_analyst_comes_from_a_question_to_the_columns_of_a_table(documented: Site, open_page: Any) -> None:
    page = open_page("vera", "/")
    page.get_by_role("button", name="Docs").click()
    page.get_by_role("menuitem", name="Hostaway tables").click()
    frame = frame_of(page)
    expect(frame.get_by_role("heading", name="Guest experience")).to_be_visible()
    expect(frame.locator("details.question")).to_have_count(len(read_questions()))
    question = frame.locator("details.question", has_text="Of which listings do guests write about the wifi?")
    question.locator("summary").click()
    expect(question.locator("pre")).to_contain_text("search_words")
    question.get_by_role("link", name="conversation_texts").click()
    inner = frame.frame_locator("iframe.documentation")
    expect(inner.get_by_text("Words of the text in any language").first).to_be_visible(timeout=30_000)
    # what dbt's scripts cannot do there
    dbt = next(each for each in page.frames if "documentation/page" in each.url)
    assert dbt.evaluate("window.origin") == "null"
    reads = "(() => { try { return document.cookie } catch (error) { return error.name } })()"
    assert dbt.evaluate(reads) == "SecurityError"


def test_the_lineage_of_all_models_is_drawn(documented: Site, open_page: Any) -> None:
    page = open_page("vera", "/hostaway/ui/documentation")
    page.get_by_role("link", name="The lineage of all models").click()
    inner = page.frame_locator("iframe.documentation")
    expect(inner.locator("canvas").first).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_documentation_is_accessible(documented: Site, open_page: Any, scheme: str) -> None:
    page = open_page("vera", "/hostaway/ui/documentation", color_scheme=scheme)
    page.locator("details.question summary").first.click()
    for path in ("documentation", "documentation/tables?name=listings"):
        if path != "documentation":
            page.goto(f"{page.url.split('/ui/')[0]}/ui/{path}")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_the_documentation_needs_a_login(documented: Site) -> None:
    for path in ("documentation", "documentation/tables", "documentation/page"):
        assert requests.get(f"{documented.url}/hostaway/ui/{path}", timeout=30).status_code == 401


def test_the_navigation_leads_to_a_thousand_accounts_and_to_one(open_page: Any) -> None:
    page = open_page("mona", "/")
    page.get_by_role("link", name="Hostaway").first.click()
    frame = frame_of(page)
    expect(frame.get_by_text("1,000 of 1,000 accounts")).to_be_visible()
    frame.get_by_label("Name or account id").fill(str(FAILING))
    expect(frame.locator("tbody tr")).to_have_count(1)
    frame.locator("tbody th a").click()
    expect(frame.get_by_role("heading", name="Resources")).to_be_visible()
    # the completeness proof of the resource that fails: five rows were not seen
    row = frame.get_by_label("Resources table").locator("tbody tr").first
    expected, seen = (
        int(row.locator(f"td[data-label={what}]").inner_text().replace(",", "")) for what in ("Expected", "Seen")
    )
    assert expected - seen == 5


def test_a_filter_counts_that_was_entered_before_the_script_ran(open_page: Any) -> None:
    page = open_page("mona", "/")
    delayed: list[Route] = []
    page.route("**/page.js*", lambda route: delayed.append(route))
    with page.expect_request("**/page.js*"):
        page.get_by_role("link", name="Hostaway").first.click()
    frame = frame_of(page)
    frame.get_by_label("Name or account id").fill(str(FAILING))
    expect(frame.locator("tbody tr")).to_have_count(50)
    for route in delayed:
        route.continue_()
    expect(frame.locator("tbody tr")).to_have_count(1)


def _number(row: Locator, column: str) -> int:
    return int(row.locator(f"td[data-label={column}]").inner_text().replace(",", ""))


def test_a_button_works_in_the_frame_and_says_what_it_did(open_page: Any, site: Site) -> None:
    page = open_page("mona", "/plugin/hostaway")
    frame = frame_of(page)
    frame.get_by_label("Name or account id").fill("10100")
    expect(frame.locator("tbody tr")).to_have_count(1)
    frame.locator("tbody th a").click()
    frame.get_by_text("Pause", exact=True).click()
    frame.get_by_label("Reason").fill("roof is open")
    frame.get_by_role("button", name="Pause account").click()
    expect(frame.locator("#result")).to_contain_text("The account is paused")
    # the live part follows without a reload
    expect(frame.locator("#live")).to_contain_text("roof is open")
    with connect(site.dsn) as warehouse:
        row = warehouse.execute(
            "select changed_by, after from ops.account_changes where account_id = 10100 and what = 'state'"
        ).fetchone()
    assert row == {"changed_by": "mona", "after": "disabled: roof is open"}


def test_links_to_airflow_open_in_airflow_and_not_in_the_frame(open_page: Any) -> None:
    page = open_page("mona", "/plugin/hostaway")
    frame = frame_of(page)
    frame.goto(f"{page.url.split('/plugin')[0]}/hostaway/ui/accounts/{FAILING}")
    frame.get_by_role("link", name="Dag in Airflow").click()
    page.wait_for_url(f"**/dags/hostaway_sync__{FAILING}**")
    # and from the Dag back to the account
    page.goto(f"{page.url.split('/dags')[0]}/dags/hostaway_sync__{FAILING}/plugin/hostaway-account")
    expect(frame_of(page).get_by_role("heading", name="Resources")).to_be_visible()


def test_a_viewer_has_no_buttons(open_page: Any) -> None:
    page = open_page("vera", f"/hostaway/ui/accounts/{FAILING}")
    expect(page.get_by_role("heading", name="Sync log")).to_be_visible()
    assert page.locator("button, form, input").count() == 0
    assert "Maria Example" not in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible(open_page: Any, scheme: str) -> None:
    page = open_page("mona", "/hostaway/ui/", color_scheme=scheme)
    for path in ("", f"accounts/{FAILING}", f"accounts/{PAUSED}", "freshness"):
        page.goto(f"{page.url.split('/ui/')[0]}/ui/{path}")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_the_pages_fit_on_a_phone(open_page: Any) -> None:
    page = open_page("mona", "/hostaway/ui/", viewport={"width": 375, "height": 700})
    for path in ("", f"accounts/{FAILING}", "freshness", "documentation"):
        page.goto(f"{page.url.split('/ui/')[0]}/ui/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_keyboard_reaches_content_and_actions(open_page: Any) -> None:
    page = open_page("mona", f"/hostaway/ui/accounts/{FAILING}")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_text("Sync now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Request sync")).to_be_visible()


def test_a_thousand_accounts_are_there_within_a_second(open_page: Any) -> None:
    page = open_page("mona", "/hostaway/ui/")
    measured: list[tuple[float, float]] = []

    def is_quick() -> bool:
        began = time.monotonic()
        page.reload(wait_until="load")
        load = time.monotonic() - began
        first_byte = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
        measured.append((first_byte, load))
        # 200 ms and 1 s on an idle machine; twice that on one that is busy with other tests
        return bool(first_byte < 400 and load < 2)

    # Other tests may keep the machine busy for a while.
    assert any(is_quick() for _ in range(30)), measured
