"""Reads the header of HTTP Basic authentication, whatever it holds."""

from __future__ import annotations

import base64
import binascii

_LONGEST = 4096


def basic_credentials(header: str | None) -> tuple[bytes, bytes] | None:
    """Login and password; None when the header is missing or is no Basic authentication.

    They are bytes because clients do not agree on an encoding; a password may hold anything, colons too.

    >>> basic_credentials("Basic YTpiOmM=")
    (b'a', b'b:c')
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST:
        return None
    try:
        login, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (login, password) if colon else None
