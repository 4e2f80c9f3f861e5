"""Access tokens: issued for a client id and secret, usable after a moment, revocable."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass


@dataclass(slots=True)
class Token:
    """An issued token; times are of the monotonic clock."""

    account_id: int
    usable_from: float
    expires: float


def _part(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Tokens:
    """All tokens that are valid or will be. Several may be valid for an account at once."""

    def __init__(self, *, delay: float, lifetime: int) -> None:
        self._delay = delay
        self.lifetime = lifetime
        self._tokens: dict[str, Token] = {}

    def issue(self, account_id: int) -> str:
        """A new token that looks like the JWT of the real API; its signature is random."""
        issued, now = int(time.time()), time.monotonic()
        claims: dict[str, object] = {
            "aud": str(account_id),
            "jti": secrets.token_hex(20),
            "iat": issued,
            "nbf": issued,
            "exp": issued + self.lifetime,
            "sub": "",
            "scopes": ["general"],
        }
        signature = base64.urlsafe_b64encode(hashlib.sha256(secrets.token_bytes(32)).digest()).rstrip(b"=").decode()
        token = ".".join((_part({"typ": "JWT", "alg": "RS256"}), _part(claims), signature))
        self._tokens[token] = Token(account_id, now + self._delay, now + self.lifetime)
        return token

    def account_of(self, token: str) -> int | None:
        """The account of a token that may be used now, None for a wrong, early, expired or revoked one."""
        found = self._tokens.get(token)
        if found is None or not found.usable_from <= time.monotonic() < found.expires:
            return None
        return found.account_id

    def revoke(self, token: str) -> bool:
        return self._tokens.pop(token, None) is not None

    def revoke_account(self, account_id: int) -> int:
        """Revoke all tokens of an account; returns how many."""
        ended = [token for token, found in self._tokens.items() if found.account_id == account_id]
        for token in ended:
            del self._tokens[token]
        return len(ended)
