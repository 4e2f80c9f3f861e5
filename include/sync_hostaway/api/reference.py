"""The description of the API: OpenAPI, and a page of it that loads nothing from anywhere else. For operators."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from sync_hostaway.api.auth.operator import operator
from sync_hostaway.api.http import problems
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.openapi_errors import OPERATORS_ONLY, WITH_BODY
from sync_hostaway.api.reference_page import markdown, page

MOUNTED_AT = "/hostaway"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"

_HEAD = """# Reference of the HTTP API

Made from the API's own description by `python -m sync_hostaway.cli.api_reference > docs/api-reference.md`. How to use
it is in [api.md](api.md). Every error is a problem of RFC 9457, `application/problem+json`.

"""

router = guarded_router(
    tags=["reference"],
    dependencies=[Depends(operator)],
    responses=OPERATORS_ONLY,
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI document. FastAPI does not know that problems have a media type of their own."""
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
                    described = {"description": response["description"], "content": content}
                    operation["responses"].setdefault(str(status), described)
            for status, response in operation["responses"].items():
                schema = response.get("content", {}).get("application/json", {}).get("schema", {})
                if status >= "400" and schema.get("$ref", "").endswith("/ProblemDetails"):
                    response["content"] = {problems.MEDIA_TYPE: {"schema": schema}}
    return document


@router.get("/openapi.json", summary="This API as an OpenAPI document", response_model=dict[str, Any])
def get_document(request: Request) -> dict[str, Any]:
    """For generators of clients and for tests."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get(
    "/docs", summary="This API as a page", response_class=Response, responses={200: {"content": {"text/html": {}}}}
)
def get_page(request: Request) -> Response:
    """The same, to read."""
    headers = {"Content-Security-Policy": _PAGE_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(page(request.app.openapi()), media_type="text/html; charset=utf-8", headers=headers)


def reference(app: FastAPI) -> str:
    """docs/api-reference.md."""
    return _HEAD + markdown(app.openapi())
