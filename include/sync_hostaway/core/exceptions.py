"""Everything this package raises on purpose. A class's docstring is its default message.

SyncHostawayError
├── ConfigurationError              a setting is missing or wrong; the message names it
├── InvalidValue                    what was asked for cannot be; the message names the value
├── WarehouseUnavailable            PostgreSQL cannot be reached
├── RightsMissing                   the warehouse's role lacks rights; the message has the SQL that gives them
├── WarehouseBusy                   somebody else holds a lock for too long; worth another try
├── ForeignObjects                  an object that is not ours has a name we need; the message names it
├── AccountError
│   ├── UnknownAccount              not in the registry
│   ├── UnknownToken                not one of the account's API tokens
│   ├── UnknownGuest                not one of the account's guests
│   ├── InactiveAccount             disabled, or refused by Hostaway
│   └── InvalidOptions              one of its options is wrong; the message names it
├── HostawayError                   the API's side; carries account, resource and URL
│   ├── HostawayTransientError      worth another try
│   │   ├── HostawayUnreachable     no connection, reset, timeout
│   │   │   └── HostawayNotConnected  no connection was made: the request was not sent
│   │   ├── HostawayServerError     5xx
│   │   ├── HostawayThrottled       429
│   │   └── HostawayMalformedReply  not the JSON the API promises
│   ├── CredentialsRefused          account id or API key is wrong
│   ├── AccessDenied                the access token is not accepted
│   ├── HostawayRefused             a business refusal, status "fail", 405, 501
│   └── HostawayNotFound            404, 410
├── ResourceRefused                 Hostaway gives an account other resources, but not this one; no run fails of it
├── SyncIncomplete                  rows are missing; what landed is kept
├── RunNotRequested                 Airflow takes no request for a Dag run; whatever waits for it is kept
├── TransformFailed                 dbt reported errors
├── AirflowApiError                 Airflow's REST API refused or did not answer; carries the status
└── LocalPlatformError              the embedded platform
"""

from __future__ import annotations

from collections.abc import Iterable


class SyncHostawayError(Exception):
    """Something went wrong in sync-hostaway."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class ConfigurationError(SyncHostawayError):
    """A setting is missing or wrong."""


class InvalidValue(SyncHostawayError):
    """A value that was given cannot be used."""


class WarehouseUnavailable(SyncHostawayError):
    """The warehouse cannot be reached."""


class MissingPrivileges(SyncHostawayError):
    """The role of WAREHOUSE_URL lacks rights in the warehouse."""


class WarehouseBusy(SyncHostawayError):
    """Something else is writing to the warehouse; try again in a moment."""


class ForeignObjects(SyncHostawayError):
    """Objects in the warehouse that sync-hostaway did not make have names that it needs."""

    @classmethod
    def named(cls, found: Iterable[tuple[str, str]], way_out: str) -> ForeignObjects:
        """With kind and name of each."""
        names = ", ".join(f"{kind} {name}" for kind, name in found)
        return cls(
            f"These have names that sync-hostaway needs, and it did not make them: {names}. "
            f"Nothing was changed. {way_out}"
        )


class AccountError(SyncHostawayError):
    """Something is wrong with a Hostaway account."""


class UnknownAccount(AccountError):
    """The account is not registered; `sync-hostaway accounts add` registers it."""

    @classmethod
    def numbered(cls, account_id: int) -> UnknownAccount:
        """With the way out."""
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
    """The Hostaway API did not give what was asked for."""

    status: int | None = None
    """HTTP status of an answer that was no success."""

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
        self.text = text = message or (self.__doc__ or "").strip().splitlines()[0]
        where = ", ".join(
            f"{name} {value}"
            for name, value in (("account", account_id), ("resource", resource), ("url", url))
            if value
        )
        super().__init__(f"{text} [{where}]" if where else text)


class HostawayTransientError(HostawayError):
    """Hostaway had trouble; another try may work."""


class HostawayUnreachable(HostawayTransientError):
    """Hostaway cannot be reached."""


class HostawayNotConnected(HostawayUnreachable):
    """No connection to Hostaway could be made; the request was not sent."""


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
    """Hostaway answered with something that is not the promised JSON."""


class CredentialsRefused(HostawayError):
    """Hostaway refuses the account's API key. Store a new key with `sync-hostaway accounts rotate`."""


class AccessDenied(HostawayError):
    """Hostaway does not accept the access token."""


class HostawayRefused(HostawayError):
    """Hostaway refused the request."""


class HostawayNotFound(HostawayError):
    """Hostaway does not know the object."""


class ResourceRefused(SyncHostawayError):
    """Hostaway does not give this resource to the account."""


class SyncIncomplete(SyncHostawayError):
    """The sync did not see every row of the source; what landed is kept."""


class RunNotRequested(SyncHostawayError):
    """Airflow could not be asked for a Dag run; what waits for it is kept."""


class TransformFailed(SyncHostawayError):
    """dbt could not build every model; the loads stay pending."""


class AirflowApiError(SyncHostawayError):
    """Airflow's REST API did not do what was asked."""

    def __init__(self, message: str | None = None, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class LocalPlatformError(SyncHostawayError):
    """The embedded platform has a problem."""


class HomeNotUsable(LocalPlatformError):
    """The state directory cannot be used; set SYNC_HOSTAWAY_HOME to a writable one with 500 MB free."""


class NotStarted(LocalPlatformError):
    """The embedded platform has not been started here yet; `sync-hostaway local start` starts it."""
