"""Authentication by API token: 401 without a valid token, 403 without the scope, 429 over the rate limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sync_hostaway.accounts import api_tokens
from sync_hostaway.accounts.api_tokens import ApiToken
from sync_hostaway.api.account_session import Pool
from sync_hostaway.api.http.guarded import guards
from sync_hostaway.api.http.problems import Problem

_bearer = HTTPBearer(
    scheme_name="ApiToken",
    bearerFormat="shw_…",
    description="A token of one account, which an operator issued (`POST /hostaway/v1/accounts/{account_id}/tokens`).",
    auto_error=False,
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def _admit(request: Request, scopes: Sequence[str]) -> None:
    """Admit a valid token with the scopes.

    :raises Problem: 401, 403, 429, or 503 when too many tokens are being looked up.
    """
    state = request.app.state
    presented = await _bearer(request)
    token = None
    if presented and api_tokens.looks_like_token(presented.credentials):
        token_id = presented.credentials.rpartition("_")[0]
        token = await state.bulkheads["auth"].run(token_id, partial(_verify, state.auth_pool, presented.credentials))
    if token is None:
        # The response does not say what is wrong with the token.
        challenge = 'Bearer realm="hostaway"' + (', error="invalid_token"' if presented else "")
        raise Problem(
            401,
            "token-required",
            "A valid API token is required",
            "Send `Authorization: Bearer <token>` with a token that is neither expired nor revoked.",
            headers={"WWW-Authenticate": challenge},
        )
    missing = sorted(set(scopes) - token.scopes)
    if missing:
        needed = " ".join(missing)
        raise Problem(
            403,
            "scope-missing",
            "The token may not do this",
            f"The token lacks the scope {needed}.",
            headers={"WWW-Authenticate": f'Bearer realm="hostaway", error="insufficient_scope", scope="{needed}"'},
        )
    wait = state.rate_limiter.take(token.token_id)
    if wait:
        raise Problem(
            429,
            "rate-limited",
            "Too many requests",
            f"This token has used up its requests; the next one is permitted in {math.ceil(wait)} s.",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    request.state.caller = {"account_id": token.account_id, "token_id": token.token_id}
    request.state.token = token


def _verify(auth_pool: Pool, presented: str) -> ApiToken | None:
    with auth_pool.connection() as connection:
        return api_tokens.verify(connection, presented)


def _account_of(request: Request) -> int:
    token: ApiToken = request.state.token
    return token.account_id


@guards(_admit, bulkhead="rows", key=_account_of)
async def require_token(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> ApiToken:
    """Return the request's token. Routes name the scopes: `Security(require_token, scopes=["read:calendar"])`."""
    token: ApiToken = request.state.token
    return token
