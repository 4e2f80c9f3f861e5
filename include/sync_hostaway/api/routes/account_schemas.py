"""Request and response models of the routes for operators. Only the response with a new API token holds a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from sync_hostaway.accounts.api_tokens import ApiToken, Scope
from sync_hostaway.accounts.options import AccountOptions
from sync_hostaway.accounts.status import AccountStatus, ResourceSync, WebhookState
from sync_hostaway.api.http.inputs import Id, Line, Moment, Words
from sync_hostaway.core.dag_ids import sync_dag_id
from sync_hostaway.core.resources import Mode, Resource


def _is_printable(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip().isprintable() or not value.get_secret_value().strip():
        raise ValueError("an API key has printable characters only")
    return SecretStr(value.get_secret_value().strip())


ClientSecret = Annotated[
    SecretStr,
    AfterValidator(_is_printable),
    Field(min_length=1, max_length=500, description="Hostaway's API key", examples=["0123456789abcdef"]),
]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewAccount(_Input):
    """An account to mirror."""

    client_id: Id = Field(description="Hostaway's account id", examples=[12345])
    client_secret: ClientSecret
    name: Line | None = Field(None, description="Display name", examples=["Seaside Homes"])
    options: AccountOptions | None = Field(None, description="Options that replace settings for this account")


class ChangedAccount(_Input):
    """Changes of an account. Members that are left out do not change."""

    name: Line | None = Field(None, description="Display name; null removes it", examples=["Seaside Homes"])
    state: Literal["active", "disabled"] | None = Field(
        None, description="A disabled account is not mirrored; its rows stay"
    )
    reason: Words | None = Field(None, description="Why the account is disabled", examples=["contract ended"])
    client_secret: ClientSecret | None = Field(None, description="New API key; checked before the old one is removed")
    options: AccountOptions | None = Field(None, description="Options to change; null restores the setting")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"reason"}:
            raise ValueError("the request changes nothing")
        if self.reason is not None and self.state != "disabled":
            raise ValueError("a reason is only possible with the state disabled")
        return self


class NewSync(_Input):
    """A sync to begin now."""

    mode: Mode = Field(Mode.INCREMENTAL, description="full reads everything again", examples=["incremental"])
    resources: list[Resource] | None = Field(
        None,
        min_length=1,
        description="What to read; null: every resource that is mirrored",
        examples=[["reservations"]],
    )


class RequestedSync(BaseModel):
    """The requested run in Airflow."""

    dag_id: str = Field(examples=["hostaway_sync__12345"])
    run_id: str = Field(examples=["manual__2026-03-01T06:00:00.000000Z"])


class AccountState(BaseModel):
    """An account and its state."""

    account_id: int = Field(description="Hostaway's account id", examples=[12345])
    name: str | None = Field(description="Display name", examples=["Seaside Homes"])
    state: str = Field(
        description="active, disabled, or credentials_rejected: Hostaway does not accept its API key",
        examples=["active"],
    )
    state_reason: str | None = Field(description="Why it is not active", examples=[None])
    options: dict[str, Any] = Field(description="Options that replace settings for this account", examples=[{}])
    created_at: datetime = Field(description="When it was registered", examples=["2026-01-05T10:12:00Z"])
    dag_id: str = Field(description="Its Dag in Airflow", examples=["hostaway_sync__12345"])
    status: str = Field(
        description="healthy, syncing, warning (a retry is pending), failing, action_required or paused",
        examples=["healthy"],
    )
    reason: str | None = Field(description="Why it has this status", examples=[None])
    remedy: str | None = Field(description="What to do about it", examples=[None])
    lag_seconds: float | None = Field(
        description="Seconds since the last complete sync of the resource that is furthest behind; null: a resource "
        "has no complete sync yet",
        examples=[5400.0],
    )
    resources: list[ResourceSync] = Field(description="The last sync of each")
    webhook: WebhookState

    @classmethod
    def of(cls, found: AccountStatus) -> Self:
        """Build the response from the account's status."""
        account = found.account
        return cls(
            account_id=account.account_id,
            name=account.name,
            state=account.state,
            state_reason=account.state_reason,
            options=account.options,
            created_at=account.created_at,
            dag_id=sync_dag_id(account.account_id),
            status=found.status,
            reason=found.reason,
            remedy=found.remedy,
            lag_seconds=found.lag_seconds,
            resources=found.resources,
            webhook=found.webhook,
        )


class Accounts(BaseModel):
    """Every account, ordered by id."""

    accounts: list[AccountState]


class NewToken(_Input):
    """A token for one host application."""

    name: Line = Field(description="The application that uses it", examples=["Booking site"])
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), examples=[[Scope.READ_CALENDAR]])
    expires_at: Moment | None = Field(None, description="Null: does not expire", examples=["2030-01-01T00:00:00Z"])


class Token(BaseModel):
    """An API token, without its text."""

    token_id: str = Field(description="The part of it that may be shown and logged", examples=["0a1b2c3d4e5f"])
    name: str = Field(description="The application that uses it", examples=["Booking site"])
    scopes: list[Scope] = Field(description="What the token may do", examples=[[Scope.READ_CALENDAR]])
    created_at: datetime = Field(examples=["2026-01-05T10:12:00Z"])
    expires_at: datetime | None = Field(description="Null: does not expire", examples=["2030-01-01T00:00:00Z"])
    last_used_at: datetime | None = Field(description="Last use, to the minute", examples=["2026-03-01T06:00:00Z"])
    revoked_at: datetime | None = Field(description="When it was revoked", examples=[None])

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        """Build the response from the stored token."""
        fields = {name: getattr(token, name) for name in Token.model_fields if name != "scopes"}
        return cls(**fields, scopes=sorted(token.scopes))


class IssuedToken(Token):
    """A new API token."""

    token: str = Field(description="The token; it cannot be read again", examples=["shw_0a1b…"])


class Tokens(BaseModel):
    """The tokens of an account, oldest first."""

    tokens: list[Token]
