"""Keeps secrets out of messages that end up in logs and exceptions."""

from __future__ import annotations

from collections.abc import Iterable

_MASK = "***"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every known secret in a text.

    It knows only the values it is given: a secret in another encoding (URL-quoted, base64) passes.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    return text
