"""The HTTP client of one Hostaway account: authenticated requests, limited retries, and counters of calls."""

from __future__ import annotations

import hmac
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
import structlog
from requests.exceptions import InvalidSchema, InvalidURL
from structlog.contextvars import bound_contextvars
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential
from urllib3.exceptions import HTTPError

from sync_hostaway.core.exceptions import (
    AccessDenied,
    HostawayError,
    HostawayNotConnected,
    HostawayThrottled,
    HostawayTransientError,
    HostawayUnreachable,
)
from sync_hostaway.core.settings import Settings, get_settings
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.auth import (
    Credentials,
    MemoryTokenStore,
    Token,
    TokenProvider,
    TokenStore,
    exchange_credentials,
)
from sync_hostaway.hostaway.deadline import complete_within
from sync_hostaway.hostaway.rate_limiter import NoRateLimiter, RateLimiter
from sync_hostaway.hostaway.responses import Reply, connection_error_text, read_reply, retry_at
from sync_hostaway.hostaway.secret_masking import mask_passwords, mask_secrets
from sync_hostaway.hostaway.session import BearerAuth, make_session, setup_error, was_not_sent

log = structlog.get_logger(__name__)

# Seconds to wait for a connection to Hostaway, and for data of a response. The second limit restarts with each received
# byte.
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
# Seconds for a whole response.
RESPONSE_TIMEOUT = 300.0
# Tries per request before a transient error is raised, and the longest pause in seconds between two.
MAX_ATTEMPTS, MAX_RETRY_WAIT = 5, 30.0
# Seconds until Hostaway accepts a new access token.
TOKEN_SETTLING = 1.0

Params = dict[str, str | int]
_Result = TypeVar("_Result")


@dataclass
class CallStats:
    """Counters of a client's requests.

    :param limit: the request limit in the newest response that has one.
    """

    calls: int = 0
    retries: int = 0
    throttled: int = 0
    bytes_received: int = 0
    limit: str | None = None


class HostawayClient:
    """The Hostaway API for one account. Threads may share it.

    :param credentials: whose data to read.
    :param token_store: shares the access token between processes; by default it is only in this process.
    :param rate_limiter: gives a permit before every request; by default every request is permitted, and only 429
        delays.
    :param settings: those of the account, if it has its own.
    :param single_try_timeout: longest wait in seconds for a permit and for a response. The client then sends each
        request once: for callers that retry themselves. By default READ_TIMEOUT and MAX_ATTEMPTS apply.
    :param time_limit: longest wait in seconds for a permit and for a response. After this time in total, a request is
        not sent again: for requests that a person waits for.
    :param now: the clock by which rows are ordered; clients whose rows land use `warehouse_clock`.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        token_store: TokenStore | None = None,
        rate_limiter: RateLimiter | None = None,
        settings: Settings | None = None,
        single_try_timeout: float | None = None,
        time_limit: float = math.inf,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.account_id = credentials.account_id
        self.now = now
        self.stats = CallStats()
        self.before_retry: Callable[[], None] = lambda: None
        """Called before a request is sent again, from the thread that sends it."""
        self._credentials = credentials
        self.settings = settings or get_settings()
        self._attempts = MAX_ATTEMPTS if single_try_timeout is None else 1
        self._try_timeout = time_limit if single_try_timeout is None else single_try_timeout
        self._time_limit = time_limit
        self._stats_lock = threading.Lock()
        self._rate_limiter = rate_limiter or NoRateLimiter()
        self._session = make_session(self.settings, self.account_id)
        self._tokens = TokenProvider(self._exchange, token_store or MemoryTokenStore(), TOKEN_SETTLING)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._rate_limiter.close()
        self._session.close()

    def check_credentials(self) -> None:
        """Exchange the credentials for a token, unless a good one is stored.

        :raises CredentialsRejected: when Hostaway does not accept them.
        """
        self._tokens.renew(rejected=None)

    def get(self, path: str, params: Params | None = None, *, resource: str | None = None) -> Reply:
        """Read one path, with retries after transient errors.

        A denied token is renewed once per try.

        :param path: beginning with /v1.
        :param resource: named in errors and log lines.
        :raises HostawayError: a subclass for each kind of error.
        """
        with self._log_fields(resource):
            return self._with_retries(lambda: self._send_authorized("GET", path, params=params), path, resource)

    def query(self, path: str, form: dict[str, str], *, resource: str | None = None) -> Reply:
        """Read what Hostaway answers to form data, such as a report. It changes nothing, so it is retried as `get`.

        :param path: beginning with /v1.
        :param form: the fields of the form, sent as multipart.
        :param resource: named in errors and log lines.
        :raises HostawayError: a subclass for each kind of error.
        """
        with self._log_fields(resource):
            files = {name: (None, value) for name, value in form.items()}
            return self._with_retries(lambda: self._send_authorized("POST", path, files=files), path, resource)

    def write(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        resource: str | None = None,
        secrets: Sequence[str] = (),
    ) -> Reply:
        """Send one request that changes data, without a retry: only the caller can find out if a request without a
        response was processed.

        A request with a denied token is not processed; it is sent again with a new token.

        :param method: POST, PUT or DELETE.
        :param path: beginning with /v1.
        :param body: sent as JSON.
        :param secrets: values of the body that errors must not contain, although Hostaway's response may repeat them.
        :raises HostawayError: a subclass for each kind of error. After a `HostawayTransientError` other than
            `HostawayThrottled` and `HostawayNotConnected`, Hostaway may have processed the request.
        """
        with self._log_fields(resource), self._located(path, resource, secrets):
            return self._send_authorized(method, path, json=body)

    def uses(self, client_secret: str) -> bool:
        """Whether this is the secret the client authenticates with."""
        return hmac.compare_digest(client_secret.encode(), self._credentials.client_secret.encode())

    def _log_fields(self, resource: str | None) -> AbstractContextManager[None]:
        """Add account and resource to the log lines of a request, such as those about retries and limits."""
        fields: dict[str, Any] = {"resource": str(resource)} if resource else {}
        return bound_contextvars(account_id=self.account_id, **fields)

    @contextmanager
    def _located(self, path: str, resource: str | None, secrets: Sequence[str] = ()) -> Iterator[None]:
        """Add account, resource and path to errors, and mask secrets in them."""
        try:
            yield
        except HostawayError as error:
            if error.url:
                raise
            located = type(error)(
                mask_secrets(str(error), [*self._secrets(), *secrets]),
                account_id=self.account_id,
                resource=resource,
                url=path,
            )
            located.status = error.status
            if isinstance(error, HostawayThrottled) and isinstance(located, HostawayThrottled):
                located.retry_at = error.retry_at
            raise located from None

    def _send_authorized(self, method: str, path: str, **content: Any) -> Reply:
        """Send a request with the access token. If Hostaway denies the token, send it once more with a new one."""
        token = self._tokens.current()
        try:
            return self._send(method, path, token, content)
        except AccessDenied:
            return self._send(method, path, self._tokens.renew(rejected=token), content)

    def _send(self, method: str, path: str, token: Token, content: dict[str, Any]) -> Reply:
        return read_reply(self._request(method, path, auth=BearerAuth(token), **content))

    def _request(self, method: str, path: str, **content: Any) -> requests.Response:
        """Send a request with a permit, count it, and block the rate limiter after a 429."""
        with self._stats_lock:
            self.stats.calls += 1
        try:
            with self._permit(), complete_within(min(self._try_timeout, RESPONSE_TIMEOUT)):
                response = self._session.request(
                    method, self.settings.hostaway_url + path, timeout=self._timeout, **content
                )
        except (InvalidURL, InvalidSchema) as error:
            raise setup_error(error) from None
        except requests.RequestException as error:
            kind = HostawayNotConnected if was_not_sent(error) else HostawayUnreachable
            raise kind(f"Cannot reach Hostaway: {mask_passwords(connection_error_text(error))}") from None
        except (OSError, ValueError, HTTPError) as error:
            # Errors that requests does not wrap: a CA bundle that cannot be read, a proxy's URL that cannot be parsed.
            raise setup_error(error) from None
        with self._stats_lock:
            self.stats.bytes_received += len(response.content)
            self.stats.limit = response.headers.get("X-RateLimit-Limit") or self.stats.limit
            self.stats.throttled += response.status_code == requests.codes.too_many_requests
        if response.status_code == requests.codes.too_many_requests:
            self._block_all_processes(response)
        return response

    @contextmanager
    def _permit(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    self._rate_limiter.permit(self._try_timeout if math.isfinite(self._try_timeout) else None)
                )
            except TimeoutError:
                raise HostawayThrottled(f"The request budget gave no permit within {self._try_timeout:.0f} s") from None
            yield

    def _block_all_processes(self, response: requests.Response) -> None:
        self._rate_limiter.block(retry_at(response) or time.time() + 1.0, response.headers.get("X-RateLimit-Applied"))

    def _exchange(self) -> Token:
        def exchange() -> Token:
            return exchange_credentials(
                lambda form: self._request("POST", endpoints.ACCESS_TOKENS, data=form), self._credentials
            )

        return self._with_retries(exchange, endpoints.ACCESS_TOKENS, None)

    def _with_retries(self, send: Callable[[], _Result], path: str, resource: str | None) -> _Result:
        """Call `send` until it raises no transient error. After the last try, its error is raised."""

        def send_once() -> _Result:
            with self._located(path, resource):
                return send()

        return self._retrying()(send_once)

    def _retrying(self) -> Retrying:
        backoff = wait_random_exponential(multiplier=0.5, max=MAX_RETRY_WAIT)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, HostawayThrottled) and error.retry_at:
                # The stamp has whole seconds; with a little jitter, waiting processes do not continue at the same
                # moment.
                pause = error.retry_at - time.time() + backoff(state) / 10
                return min(max(pause, 0.0), 2 * MAX_RETRY_WAIT)
            return backoff(state)

        return Retrying(
            # A denied token was renewed once already. Hostaway may take longer than documented to accept the new one.
            retry=retry_if_exception_type((HostawayTransientError, AccessDenied)),
            stop=stop_after_attempt(self._attempts) | stop_before_delay(self._time_limit),
            wait=wait,
            before_sleep=self._before_retry,
            reraise=True,
        )

    def _before_retry(self, state: RetryCallState) -> None:
        with self._stats_lock:
            self.stats.retries += 1
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "hostaway_retry",
            account_id=self.account_id,
            attempt=state.attempt_number,
            seconds=round(state.upcoming_sleep, 2),
            error=mask_secrets(str(error), self._secrets()),
        )
        self.before_retry()

    @property
    def _timeout(self) -> tuple[float, float]:
        return min(CONNECT_TIMEOUT, self._try_timeout), min(READ_TIMEOUT, self._try_timeout)

    def _secrets(self) -> list[str]:
        return [self._credentials.client_secret, *self._tokens.known_values()]
