"""All exceptions that this package raises on purpose. The docstring of a class is its default message.

SyncHostawayError
├── ConfigurationError              a setting is missing or wrong; the message names it
├── InvalidValue                    an argument cannot be used; the message names the value
├── WarehouseUnavailable            PostgreSQL cannot be reached
├── MissingPrivileges               the role of the warehouse lacks privileges; the message has the SQL that grants them
├── WarehouseBusy                   another session holds a lock for too long; retry later
├── ForeignObjects                  an object of others has a name that we need; the message names it
├── AccountError
│   ├── UnknownAccount              the account is not registered
│   ├── UnknownToken                the account has no such API token
│   ├── UnknownGuest                the account has no such guest
│   ├── InactiveAccount             the account is disabled, or its credentials were rejected
│   └── InvalidOptions              an option of the account is wrong; the message names it
├── HostawayError                   an error of the API; has account, resource and URL
│   ├── HostawayTransientError      may work when repeated
│   │   ├── HostawayUnreachable     no connection, reset, timeout
│   │   │   └── HostawayNotConnected  no connection, so the request was not sent
│   │   ├── HostawayServerError     5xx
│   │   ├── HostawayThrottled       429
│   │   └── HostawayMalformedReply  not the JSON that the API documents
│   ├── CredentialsRejected          account id or API key is wrong
│   ├── AccessDenied                the access token is not accepted
│   ├── HostawayRefused             the request was refused: status "fail", 405, 501
│   └── HostawayNotFound            404, 410
├── ResourceRefused                 Hostaway refuses one resource to an account; the run does not fail
├── SyncIncomplete                  rows are missing; rows that landed are kept
├── RunNotRequested                 Airflow did not accept the request for a Dag run; the pending work is kept
├── TransformFailed                 dbt reported errors
├── AirflowApiError                 Airflow's REST API refused or did not answer; has the status
└── LocalPlatformError              the embedded platform
"""

from __future__ import annotations

from collections.abc import Iterable


class SyncHostawayError(Exception):
    """An error in sync-hostaway."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or _default_message(self))


def _default_message(error: Exception) -> str:
    # Python removes docstrings with PYTHONOPTIMIZE=2.
    return (error.__doc__ or type(error).__name__).strip().splitlines()[0]


class ConfigurationError(SyncHostawayError):
    """A setting is missing or wrong."""


class InvalidValue(SyncHostawayError):
    """A value that was given cannot be used."""


class WarehouseUnavailable(SyncHostawayError):
    """The warehouse cannot be reached."""


class MissingPrivileges(SyncHostawayError):
    """The role of WAREHOUSE_URL lacks privileges in the warehouse."""


class WarehouseBusy(SyncHostawayError):
    """Another process is writing to the warehouse; try again in a moment."""


class ForeignObjects(SyncHostawayError):
    """Objects in the warehouse that sync-hostaway did not create have names that it needs."""

    @classmethod
    def named(cls, found: Iterable[tuple[str, str]], way_out: str) -> ForeignObjects:
        """Build the error with the kind and name of each object."""
        names = ", ".join(f"{kind} {name}" for kind, name in found)
        return cls(
            f"These objects have names that sync-hostaway needs, but it did not create them: {names}. "
            f"Nothing was changed. {way_out}"
        )


class AccountError(SyncHostawayError):
    """An error of a Hostaway account."""


class UnknownAccount(AccountError):
    """The account is not registered; `sync-hostaway accounts add` registers it."""

    @classmethod
    def numbered(cls, account_id: int) -> UnknownAccount:
        """Build the error with the command that registers the account."""
        return cls(
            f"Account {account_id} is not registered. Register it with `sync-hostaway accounts add {account_id}`"
        )


class UnknownToken(AccountError):
    """The account has no such API token."""


class UnknownGuest(AccountError):
    """The account has no such guest."""


class InactiveAccount(AccountError):
    """The account is not active."""


class InvalidOptions(AccountError):
    """An option of the account is wrong."""


class HostawayError(SyncHostawayError):
    """The request to the Hostaway API failed."""

    status: int | None = None
    """HTTP status of an unsuccessful answer."""

    def __init__(
        self,
        message: str | None = None,
        *,
        account_id: int | None = None,
        resource: str | None = None,
        url: str | None = None,
    ) -> None:
        self.account_id = account_id
        self.resource = resource
        self.url = url
        self.text = text = message or _default_message(self)
        where = ", ".join(
            f"{name} {value}"
            for name, value in (("account", account_id), ("resource", resource), ("url", url))
            if value
        )
        super().__init__(f"{text} [{where}]" if where else text)


class HostawayTransientError(HostawayError):
    """A temporary error of Hostaway; a retry may work."""


class HostawayUnreachable(HostawayTransientError):
    """Hostaway cannot be reached."""


class HostawayNotConnected(HostawayUnreachable):
    """The connection to Hostaway failed; the request was not sent."""


class HostawayServerError(HostawayTransientError):
    """Hostaway answered with a server error."""


class HostawayThrottled(HostawayTransientError):
    """Hostaway's rate limit was hit."""

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_at: float | None = None,
        account_id: int | None = None,
        resource: str | None = None,
        url: str | None = None,
    ) -> None:
        self.retry_at = retry_at
        super().__init__(message, account_id=account_id, resource=resource, url=url)


class HostawayMalformedReply(HostawayTransientError):
    """Hostaway's answer is not the documented JSON."""


class CredentialsRejected(HostawayError):
    """Hostaway rejects the account's API key. Store a new key with `sync-hostaway accounts rotate`."""


class AccessDenied(HostawayError):
    """Hostaway does not accept the access token."""


class HostawayRefused(HostawayError):
    """Hostaway refused the request."""


class HostawayNotFound(HostawayError):
    """Hostaway does not have the object."""


class ResourceRefused(SyncHostawayError):
    """Hostaway refuses this resource to the account."""


class SyncIncomplete(SyncHostawayError):
    """The sync did not read every row of the source; rows that landed are kept."""


class RunNotRequested(SyncHostawayError):
    """Airflow did not accept the request for a Dag run; the pending work is kept."""


class TransformFailed(SyncHostawayError):
    """dbt could not build every model; the loads stay pending."""


class AirflowApiError(SyncHostawayError):
    """The request to Airflow's REST API failed."""

    def __init__(self, message: str | None = None, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class LocalPlatformError(SyncHostawayError):
    """The embedded platform has a problem."""


class HomeNotUsable(LocalPlatformError):
    """The state directory cannot be used; set SYNC_HOSTAWAY_HOME to a writable one with 500 MB free."""


class NotStarted(LocalPlatformError):
    """The embedded platform has not been started here yet; `sync-hostaway local start` starts it."""
