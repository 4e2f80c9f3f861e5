"""Takes the pictures of the operations page for docs/images: `make pictures`. `make test` does not run it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

# The site is as in the tests, with a request budget as for the real API.
os.environ["AIRFLOW__HOSTAWAY__BUDGET_IP"] = "15/10"

from test_browser import FAILING, ROOT, browser, frame_of, open_page, site  # type: ignore[import-not-found]  # not in mypy_path

__all__ = ["browser", "open_page", "site"]
_IMAGES = ROOT / "docs" / "images"
_DESK = {"width": 1400, "height": 900}
_PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "operations-accounts": ("", {"viewport": _DESK}),
    "operations-dark": ("", {"viewport": _DESK, "color_scheme": "dark"}),
    "operations-account": (f"accounts/{FAILING}", {"viewport": {"width": 1400, "height": 1000}}),
    "operations-freshness": ("freshness", {"viewport": _DESK}),
}


@pytest.mark.parametrize("name", _PICTURES)
def test_a_picture_in_airflow(open_page: Any, name: str) -> None:
    path, options = _PICTURES[name]
    page = open_page("mona", "/plugin/hostaway", **options)
    frame = frame_of(page)
    if path:
        frame.goto(f"{page.url.split('/plugin')[0]}/hostaway/ui/{path}")
    _save(page, _IMAGES / f"{name}.png")


def test_a_picture_on_a_phone(open_page: Any) -> None:
    page = open_page("mona", "/hostaway/ui/", viewport={"width": 375, "height": 760}, device_scale_factor=2)
    _save(page, _IMAGES / "operations-narrow.png")


def _save(page: Page, file: Path) -> None:
    page.wait_for_load_state()
    page.screenshot(path=file)
