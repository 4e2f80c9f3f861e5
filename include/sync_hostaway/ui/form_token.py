"""Tokens that only the page's own buttons can send.

A browser sends Airflow's cookie along with requests that other sites' pages make. So a request that changes something
also needs a token in a header: another site can neither read the token out of our page nor set the header.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from sync_hostaway.core.settings import get_settings

HEADER = "X-Hostaway-Form"
_VALID_SECONDS = 12 * 3600


def issue_token(user: str) -> str:
    """A token for a user; it is valid for twelve hours, in every API server process.

    :raises ConfigurationError: when there is no key for secrets.
    """
    issued_at = int(time.time())
    return f"{issued_at}.{_digest(get_settings().fernet_keys()[0], user, issued_at)}"


def is_valid(token: str, user: str) -> bool:
    """Whether a token was issued to this user, with any key in the settings, and has not expired."""
    stamp, _, digest = token.partition(".")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12):
        return False
    issued_at = int(stamp)
    if not 0 <= time.time() - issued_at + 60 <= _VALID_SECONDS + 60:
        return False
    keys = get_settings().fernet_keys()
    # All keys are checked, so that the time does not reveal which one matches
    return any([hmac.compare_digest(_digest(key, user, issued_at).encode(), digest.encode()) for key in keys])


def _digest(key: str, user: str, issued_at: int) -> str:
    text = f"sync-hostaway page form\n{issued_at}\n{user}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
