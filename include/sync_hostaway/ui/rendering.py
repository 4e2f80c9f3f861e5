"""Renders templates, with headers that permit only our own files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from sync_hostaway.core.text import visible
from sync_hostaway.ui import charts, form_token

_HERE = Path(__file__).parent
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
_STATIC = {
    file.name: (file.read_bytes(), _TYPES[file.suffix])
    for file in (_HERE / "static").iterdir()
    if file.suffix in _TYPES
}
_VERSION = hashlib.sha256(b"".join(content for content, _ in sorted(_STATIC.values()))).hexdigest()[:12]
_HEADERS = {
    # `frame-ancestors 'self'`: Airflow's UI shows the page in a frame.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}
LABELS = {
    "action_required": "Action required",
    "failing": "Failing",
    "warning": "Warning",
    "syncing": "Syncing",
    "healthy": "Healthy",
    "paused": "Paused",
    "not_available": "Not available",
}
_SYMBOLS = {
    "action_required": "✖",
    "failing": "▲",
    "warning": "!",
    "syncing": "↻",
    "healthy": "✓",
    "paused": "❚❚",
    "not_available": "–",
}


def render(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page, or a part of one.

    :param context: the variables of the template; `base` is the relative path from the page to the page of all
        accounts, by default from the address of the request.
    """
    visitor = getattr(request.state, "visitor", None)
    values = {
        "base": base_of(request),
        "version": _VERSION,
        "visitor": visitor,
        "form_token": form_token.issue_token(visitor.name) if visitor and visitor.is_operator else "",
        "form_header": form_token.HEADER,
        **context,
    }
    html = _ENVIRONMENT.get_template(template).render(values)
    return Response(html, status, _HEADERS, "text/html; charset=utf-8")


def static_file(name: str) -> Response | None:
    """One of our files; None when there is none of this name. Its address changes with its content."""
    found = _STATIC.get(name)
    if found is None:
        return None
    content, media_type = found
    return Response(content, 200, {"Cache-Control": "public, max-age=31536000, immutable"}, media_type)


def base_of(request: Request) -> str:
    """The relative path from a page to the page of all accounts. So it works below any path of a reverse proxy."""
    depth = len(_path(request).strip("/").split("/")) - 1
    return "../" * depth or "./"


def _path(request: Request) -> str:
    return str(request.url.path).removeprefix(str(request.scope.get("root_path", "")))


def _ago(moment: datetime | None) -> str:
    return "never" if moment is None else f"{_duration((datetime.now(UTC) - moment).total_seconds())} ago"


def _until(moment: datetime | None) -> str:
    seconds = (moment - datetime.now(UTC)).total_seconds() if moment else 0
    return f"in {_duration(seconds)}" if seconds > 0 else "now"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{max(0, seconds) / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _clean(value: object) -> str:
    """Text from outside: control characters and bidi controls are escaped."""
    return "" if value is None else visible(str(value))


def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(ago=_ago, until=_until, duration=_duration, when=_when, number=_number, clean=_clean)
    functions: Mapping[str, Any] = {
        "day_bars": charts.day_bars,
        "sparkline": charts.sparkline,
        "hour_bars": charts.hour_bars,
        "heatmap": charts.heatmap,
        "meter": charts.meter,
        "labels": LABELS,
        "symbols": _SYMBOLS,
    }
    environment.globals.update(functions)
    return environment


_ENVIRONMENT = _make_environment()
