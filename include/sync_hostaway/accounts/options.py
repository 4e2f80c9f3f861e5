"""Settings that an operator may set for one account."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, StrictBool, ValidationError

from sync_hostaway.core.exceptions import InvalidOptions
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.settings import (
    CalendarDaysAhead,
    CalendarDaysBack,
    Polling,
    RateLimitText,
    Settings,
    SyncEveryHours,
)


class AccountOptions(BaseModel):
    """Options of one account, stored in `ops.accounts.options`. If one is missing or null, the setting applies.

    The types of JSON values count: neither true nor "1" is the number 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    resources: dict[Resource, StrictBool] = Field(
        default_factory=dict, description="Resources to mirror (true) or to leave out (false), by name"
    )
    calendar_days_back: Annotated[CalendarDaysBack, Strict()] | None = Field(
        None, description="Calendar window: days before today"
    )
    calendar_days_ahead: Annotated[CalendarDaysAhead, Strict()] | None = Field(
        None, description="Calendar window: days after today"
    )
    sync_every_hours: Annotated[SyncEveryHours, Strict()] | None = Field(
        None, description="Hours between the scheduled syncs of this account, 1 to 24, or 48, 72, … 168 (weekly)"
    )
    polling: Polling | None = Field(
        None, description="Whether the account is polled: auto, always, list (not by the heads of its lists) or off"
    )
    private_custom_fields: bool | None = Field(
        None,
        description="Whether custom fields that are not public in Hostaway are readable in core tables; those whose "
        "name shows that they open something stay masked",
    )
    budget_account: Annotated[RateLimitText, Field(examples=["20/10", "off"])] | None = Field(
        None, description="Calls/seconds that Hostaway grants this account, or off"
    )

    @classmethod
    def of(cls, account_id: int, stored: dict[str, Any]) -> Self:
        """The options as stored with an account.

        :raises InvalidOptions: naming each wrong option and what is wrong with it.
        """
        try:
            return cls.model_validate(stored)
        except ValidationError as error:
            # Never the value: it may be a secret by mistake.
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in item['loc'] if part != '[key]')}: {item['msg']}"
                for item in error.errors()
            )
            raise InvalidOptions(
                f"Wrong options of account {account_id}: {wrong}. Available options: {', '.join(cls.model_fields)}"
            ) from None

    def applied_to(self, settings: Settings) -> Settings:
        """The settings with the options of this account.

        >>> AccountOptions.of(701, {"resources": {"reviews": False}}).applied_to(get_settings()).calendar_days_back
        30
        """
        changes = self.model_dump(exclude={"resources", "private_custom_fields"}, exclude_none=True)
        chosen = {**dict.fromkeys(settings.resources, True), **self.resources}
        return settings.model_copy(
            update={**changes, "resources": tuple(resource for resource in Resource if chosen.get(resource))}
        )
