"""Who asks, by API token: 401 without a good one, 403 without the scope, 429 when it asks too often."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import ApiToken
from sync_hostaway.api.problems import Problem

_bearer = HTTPBearer(
    scheme_name="ApiToken",
    bearerFormat="shw_…",
    description="A token of one account, which an operator issued (`POST /hostaway/v1/accounts/{account_id}/tokens`).",
    auto_error=False,
)


def caller(
    request: Request,
    scopes: SecurityScopes,
    presented: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> ApiToken:
    """The token a request came with; routes name the scopes it needs: `Security(caller, scopes=["read:calendar"])`.

    :raises Problem: 401, 403 or 429.
    """
    with request.app.state.pool.connection() as connection:
        token = api_tokens.verify(connection, presented.credentials) if presented else None
    if token is None:
        # What is wrong with it is nobody's business who does not have a good one.
        challenge = 'Bearer realm="hostaway"' + (', error="invalid_token"' if presented else "")
        raise Problem(
            401,
            "token-required",
            "A valid API token is required",
            "Send `Authorization: Bearer <token>` with a token that is neither expired nor revoked.",
            headers={"WWW-Authenticate": challenge},
        )
    missing = sorted(set(scopes.scopes) - token.scopes)
    if missing:
        needed = " ".join(missing)
        raise Problem(
            403,
            "scope-missing",
            "The token may not do this",
            f"The token lacks the scope {needed}.",
            headers={"WWW-Authenticate": f'Bearer realm="hostaway", error="insufficient_scope", scope="{needed}"'},
        )
    wait = request.app.state.rate_limiter.take(token.token_id)
    if wait:
        raise Problem(
            429,
            "rate-limited",
            "Too many requests",
            f"This token has used up its requests; the next one is permitted in {math.ceil(wait)} s.",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    request.state.caller = {"account_id": token.account_id, "token_id": token.token_id}
    return token
