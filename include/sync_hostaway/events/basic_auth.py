"""Parses the header of HTTP Basic authentication."""

from __future__ import annotations

import base64
import binascii

_LONGEST = 4096


def basic_credentials(header: str | None) -> tuple[bytes, bytes] | None:
    """Login and password; None when the header is missing, malformed or of another scheme.

    The result is bytes because clients use different encodings. A password may contain colons.

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
