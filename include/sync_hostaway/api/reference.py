"""The description of the API for operators: OpenAPI, and a page of it that loads nothing from other servers."""

from __future__ import annotations

import html
import json
import threading
from typing import Any

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from sync_hostaway.api.auth.operator import require_operator
from sync_hostaway.api.http import problems
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.openapi_errors import OPERATORS_ONLY, WITH_BODY

MOUNTED_AT = "/hostaway"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; }
"""

router = guarded_router(
    tags=["reference"],
    dependencies=[Depends(require_operator)],
    responses=OPERATORS_ONLY,
)


class Reference:
    """The description of an app, made at the first request: that takes a second, in which Airflow's own API would wait.

    :param app: with all its routes.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._made: tuple[bytes, bytes] | None = None

    def document(self) -> bytes:
        """The OpenAPI document as JSON."""
        return self._both()[0]

    def page(self) -> bytes:
        """The same as HTML."""
        return self._both()[1]

    def _both(self) -> tuple[bytes, bytes]:
        with self._lock:
            if self._made is None:
                document = self._app.openapi()
                self._made = orjson.dumps(document), page(document).encode()
            return self._made


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI document. FastAPI does not support the media type of problems."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": MOUNTED_AT}],
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                for status, response in WITH_BODY.items():
                    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
                    operation["responses"].setdefault(
                        str(status), {"description": response["description"], "content": content}
                    )
            for status, response in operation["responses"].items():
                # A route that returns text has its errors described as text, too
                described = response.get("content", {}).values()
                schema: dict[str, Any] = next((media.get("schema", {}) for media in described), {})
                if status >= "400" and schema.get("$ref", "").endswith("/ProblemDetails"):
                    response["content"] = {problems.MEDIA_TYPE: {"schema": schema}}
    return document


@router.get("/openapi.json", summary="This API as an OpenAPI document", response_model=dict[str, Any])
def get_document(request: Request) -> Response:
    """For generators of clients and for tests."""
    reference: Reference = request.app.state.reference
    return Response(reference.document(), media_type="application/json")


@router.get(
    "/docs", summary="This API as a page", response_class=Response, responses={200: {"content": {"text/html": {}}}}
)
def get_page(request: Request) -> Response:
    """The same, to read."""
    headers = {"Content-Security-Policy": _PAGE_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    reference: Reference = request.app.state.reference
    return Response(reference.page(), media_type="text/html; charset=utf-8", headers=headers)


def page(document: dict[str, Any]) -> str:
    """An OpenAPI document as a page: each route with its purpose and credentials, and the rest as JSON to unfold."""
    base = document["servers"][0]["url"]
    parts = [_heading(1, document["info"]["title"]), _paragraph(document["info"]["description"])]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts.append(_heading(2, f"{method.upper()} {base}{path}"))
            parts.append(_paragraph(f"{operation['summary']}. {operation.get('description', '')}"))
            parts.append(_paragraph(credentials(operation)))
            details = {
                name: operation[name] for name in ("parameters", "requestBody", "responses") if name in operation
            }
            parts.append(_unfolding("Parameters, body, answers", details))
    parts.append(_heading(1, "Objects"))
    for name, schema in document["components"]["schemas"].items():
        parts.append(_unfolding(name, schema))
    title = html.escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def credentials(operation: dict[str, Any]) -> str:
    """Who may call an operation."""
    for requirement in operation.get("security", ()):
        if "ApiToken" in requirement:
            return f"Needs an API token with the scope {', '.join(requirement['ApiToken'])}."
        if "Operator" in requirement:
            return "Needs a token of Airflow."
    return "Needs no credentials."


def _heading(level: int, text: str) -> str:
    return f"<h{level}>{html.escape(text)}</h{level}>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _unfolding(title: str, value: Any) -> str:
    shown = html.escape(json.dumps(value, indent=2, ensure_ascii=False))
    return f"<details><summary>{html.escape(title)}</summary><pre>{shown}</pre></details>"
