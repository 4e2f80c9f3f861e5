"""Refuses values that are given twice: frameworks silently use the first or the last one, proxies may use the other."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, get_origin

from fastapi import HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_dependant
from pydantic import BaseModel

from sync_hostaway.api.http.problems import invalid


class SingleValues:
    """The values that a route accepts only once: its headers, and the query parameters that are not lists."""

    def __init__(self, dependant: Dependant) -> None:
        flat = get_flat_dependant(dependant)
        self._headers = ["authorization", *(field.alias.lower() for field in flat.header_params)]
        self._lists = {name for field in flat.query_params for name in _lists_of(field.alias, field.field_info)}

    def check(self, request: Request) -> None:
        """Check headers and query.

        :raises Problem: 422, naming the repeated value.
        """
        for name in self._headers:
            if len(request.headers.getlist(name)) > 1:
                raise invalid(f"header.{name}", "the header is given twice")
        counted = Counter(name for name, _ in request.query_params.multi_items() if name not in self._lists)
        for name, count in counted.items():
            if count > 1:
                raise invalid(f"query.{name}", "the parameter is given twice")


def parse_json(body: bytes) -> Any:
    """Parse JSON in which no object has a member twice.

    :raises json.JSONDecodeError: when it is not JSON.
    :raises HTTPException: 422 for a repeated member; FastAPI passes only this exception on.
    """
    return json.loads(body, object_pairs_hook=_without_repeated)


def _without_repeated(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        # The name comes from the caller and may be any text.
        raise HTTPException(422, "A member of an object in the body is given twice.")
    return found


def _lists_of(alias: str, field: Any) -> list[str]:
    """The names of parameters that may be given several times."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [
            inner.alias or name for name, inner in kind.model_fields.items() if get_origin(inner.annotation) is list
        ]
    return [alias] if get_origin(kind) is list else []
