"""Redirects are never followed: `requests` would post the body with its credentials to the address of the redirect."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests

from sync_hostaway.core.text import visible

_LONGEST = 200


class DirectSession(requests.Session):
    """A session that never follows a redirect, also if a caller requests it."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. requests also calls this when redirects are off, and would raise for an unreadable address."""


def is_redirect(response: requests.Response) -> bool:
    """Return whether an answer has a 3xx status, with or without an address."""
    return 300 <= response.status_code < 400


def redirect_target(response: requests.Response) -> str:
    """Return scheme, host and port of a redirect's target for messages. Path, query and login may hold secrets."""
    try:
        parts = urlsplit(urljoin(response.url or "", response.headers.get("Location", "")))
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an unreadable address"
    if not host:
        return "no other address"
    return visible(f"{parts.scheme}://{host}{f':{port}' if port else ''}")[:_LONGEST]
