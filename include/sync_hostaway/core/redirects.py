"""Redirects are never followed: `requests` would post the body, with the credentials in it, to wherever they lead."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests

from sync_hostaway.core.text import visible

_LONGEST = 200


class DirectSession(requests.Session):
    """A session that follows no redirect, whatever its callers ask for."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere. requests asks for it also where redirects are off, and a place it cannot read would raise there."""


def is_redirect(response: requests.Response) -> bool:
    """Whether an answer is of the 3xx kind, with a place to go to or without."""
    return 300 <= response.status_code < 400


def redirect_target(response: requests.Response) -> str:
    """Scheme, host and port to which a redirect leads, for an error message: path, query and login may hold secrets."""
    try:
        parts = urlsplit(urljoin(response.url or "", response.headers.get("Location", "")))
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that cannot be read"
    if not host:
        return "no other address"
    return visible(f"{parts.scheme}://{host}{f':{port}' if port else ''}")[:_LONGEST]
