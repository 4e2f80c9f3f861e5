"""Distinguishes a refused resource of an account from an account that Hostaway refuses completely.

Hostaway answers 403 for both, and 404 for a feature that is not enabled. If it returns another list of the account, the
refusal concerns the resource only.
"""

from __future__ import annotations

import re

import requests
import structlog

from sync_hostaway.core.exceptions import (
    AccessDenied,
    HostawayError,
    HostawayNotFound,
    HostawayRefused,
    ResourceRefused,
)
from sync_hostaway.core.resources import Resource
from sync_hostaway.extract.context import SyncContext
from sync_hostaway.hostaway import endpoints

log = structlog.get_logger(__name__)

REFUSALS = (HostawayRefused, HostawayNotFound, AccessDenied)
"""Errors that may concern the resource only. A retry within minutes gets the same response."""

_STATUSES = frozenset({401, 402, 403, 404, 405, 410, 451, 501})
# A failure with HTTP 200 has no other sign than its text. Without one of these words it may end soon.
_NO_ACCESS = re.compile(
    r"\b(?:access|permissions?|forbidden|unauthori[sz]ed|denied|disabled|subscription|not found"
    r"|not (?:be )?(?:enabled|activated|allowed|permitted|authori[sz]ed|included|supported))\b",
    re.IGNORECASE,
)
_PASSING = re.compile(r"\b(?:temporar|try again|retry|later\b|moment)", re.IGNORECASE)
_OTHER_LISTS = {
    Resource.LISTINGS: endpoints.LISTINGS,
    Resource.RESERVATIONS: endpoints.RESERVATIONS,
    Resource.CONVERSATIONS: endpoints.CONVERSATIONS,
    Resource.USERS: endpoints.USERS,
}


def known_refusal(ctx: SyncContext) -> ResourceRefused | None:
    """The refusal of an earlier sync less than a day ago; None when the resource should be requested."""
    text = ctx.value("recent_refusal", beginning=_beginning(ctx.resource))
    return ResourceRefused(text) if text else None


def refusal_of(ctx: SyncContext, error: HostawayError) -> ResourceRefused | None:
    """The refusal of the whole resource, if the error is one: no row of it was returned, but rows of another list.

    :param error: one of `REFUSALS`, of the resource's own list, or of all of its parents.
    """
    if not _denies_access(error) or ctx.counts.seen or not _another_list_answers(ctx):
        return None
    off = f"""sync-hostaway accounts options {ctx.account_id} '{{"resources": {{"{ctx.resource}": false}}}}'"""
    log.warning("resource_refused", account_id=ctx.account_id, resource=ctx.resource.value, error=str(error))
    return ResourceRefused(
        f"{_beginning(ctx.resource)} ({error.text.removeprefix('Hostaway answered ')}); asked again daily; "
        f"switch it off with `{off}`"
    )


def _denies_access(error: HostawayError) -> bool:
    if error.status == requests.codes.ok:
        return bool(_NO_ACCESS.search(error.text)) and not _PASSING.search(error.text)
    return error.status in _STATUSES


def _beginning(resource: Resource) -> str:
    return f"Hostaway refuses {resource}"


def _another_list_answers(ctx: SyncContext) -> bool:
    for resource, path in _OTHER_LISTS.items():
        if resource is ctx.resource:
            continue
        try:
            ctx.client.get(path, {"limit": 1}, resource=resource)
        except REFUSALS:
            continue
        except HostawayError:
            # Another error proves nothing: the original error stands and is retried.
            return False
        return True
    return False
