"""Removes secrets from the messages of logs and exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "***"
# Greedy, up to the last @ of the line: a password that is not encoded may contain @, blanks and slashes. In a line with
# a URL and a later @, more than the password is masked.
_USER_PART = re.compile(r"(?<=://)[^\n]*@")
_PASSWORD = re.compile(r"\b(password|passwd|pwd)=('[^']*'|[^\s&'\"]+)", re.IGNORECASE)


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Replace every known secret in a text.

    Only these values are masked. A secret in another encoding (URL-quoted, base64) is not.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    return text


def mask_passwords(text: str) -> str:
    """Mask the user part of every URL in a text, and the value of every `password=…`."""
    return _PASSWORD.sub(rf"\1={_MASK}", _USER_PART.sub(f"{_MASK}@", text))
