"""The HTTP session of a client, and what the errors of its requests mean."""

from __future__ import annotations

import requests
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.redirects import DirectSession
from sync_hostaway.core.settings import Settings
from sync_hostaway.hostaway.auth import Token
from sync_hostaway.hostaway.deadline import DeadlineAdapter
from sync_hostaway.hostaway.secret_masking import mask_passwords


class BearerAuth(AuthBase):
    """Sends an access token."""

    # An auth object, not a header: requests would let a ~/.netrc entry for the host replace a header.
    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request


def make_session(settings: Settings, account_id: int) -> requests.Session:
    """A session with the proxy of an account, which follows no redirects and does not retry."""
    session = DirectSession()
    adapter = DeadlineAdapter(pool_connections=1, pool_maxsize=settings.concurrency, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"Accept": "application/json", "Cache-control": "no-cache", "User-Agent": "sync-hostaway"})
    # Proxies and CA bundle of the environment are looked up once here instead of once per request.
    environment = session.merge_environment_settings(settings.hostaway_url, {}, None, None, None)
    if proxy := settings.proxy_of(account_id):
        session.proxies.update(dict.fromkeys(("http", "https"), proxy[1]))
    elif not settings.api_is_local:
        session.proxies.update(environment["proxies"])
    session.verify = environment["verify"]
    session.trust_env = False
    return session


def was_not_sent(error: requests.RequestException) -> bool:
    """Whether the request was certainly not sent, because there was no connection."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if error.args else None
    # urllib3 raises it for a name that does not resolve, too.
    return isinstance(getattr(inner, "reason", inner), NewConnectionError)


def setup_error(error: Exception) -> ConfigurationError:
    """The error for a request that cannot be sent, because a URL, a proxy or a CA bundle is wrong."""
    return ConfigurationError(
        f"The connection to Hostaway cannot be set up: {mask_passwords(str(error)).rstrip('. ')}. Correct the "
        "environment variable: HOSTAWAY_API_URL, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE"
    )
