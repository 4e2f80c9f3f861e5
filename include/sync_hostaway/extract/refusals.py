"""Tells a resource that Hostaway does not give to an account from an account that it refuses altogether.

Hostaway answers 403 for both, and 404 where a feature is not enabled. Where another list of the account is answered,
the refusal is about the resource alone.
"""

from __future__ import annotations

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
"""Answers that may be about the resource alone. No second try within minutes brings another."""

_STATUSES = frozenset({401, 402, 403, 404, 405, 410, 451, 501})
_OTHER_LISTS = {
    Resource.LISTINGS: endpoints.LISTINGS,
    Resource.RESERVATIONS: endpoints.RESERVATIONS,
    Resource.CONVERSATIONS: endpoints.CONVERSATIONS,
    Resource.USERS: endpoints.USERS,
}


def known_refusal(ctx: SyncContext) -> ResourceRefused | None:
    """The refusal that an earlier sync met less than a day ago; None when the resource is to be asked for."""
    text = ctx.value("recent_refusal", beginning=_beginning(ctx.resource))
    return ResourceRefused(text) if text else None


def refusal_of(ctx: SyncContext, error: HostawayError) -> ResourceRefused | None:
    """The refusal of the resource as a whole, if an error is one: nothing of it was answered, and other lists are.

    :param error: one of `REFUSALS`, of the resource's own list, or of each parent it was asked for.
    """
    if error.status not in _STATUSES or ctx.counts.seen or not _another_list_answers(ctx):
        return None
    off = f"""sync-hostaway accounts options {ctx.account_id} '{{"resources": {{"{ctx.resource}": false}}}}'"""
    log.warning("resource_refused", account_id=ctx.account_id, resource=ctx.resource.value, error=str(error))
    return ResourceRefused(
        f"{_beginning(ctx.resource)} ({error.text.removeprefix('Hostaway answered ')}); asked again daily; "
        f"switch it off with `{off}`"
    )


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
            # Trouble of another kind tells nothing: the error stands, and is tried again.
            return False
        return True
    return False
