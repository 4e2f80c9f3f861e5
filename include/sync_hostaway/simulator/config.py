"""Every option of the simulator in one immutable object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import NamedTuple


class Limit(NamedTuple):
    """At most `calls` in any `seconds` (sliding window)."""

    calls: int
    seconds: float


DEFAULT_ACCOUNTS: Mapping[int, str] = MappingProxyType({701: "secret-701", 702: "secret-702"})
DEFAULT_MESSAGE_LIMIT = Limit(30, 60.0)


def today() -> date:
    """Today's date in UTC, the anchor of a simulator that was given none."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much data an account holds.

    conversations: conversations, None for 96 % of the reservations; messages_per_conversation: average;
    orphan_share: share of reservations whose listing stays hidden until control reveals it.
    """

    listings: int = 50
    reservations: int = 1_000
    conversations: int | None = None
    messages_per_conversation: float = 4.0
    orphan_share: float = 0.0

    @property
    def conversation_count(self) -> int:
        return round(self.reservations * 0.96) if self.conversations is None else self.conversations

    def __post_init__(self) -> None:
        if self.listings < 1 or self.reservations < 0 or self.conversation_count < 0:
            raise ValueError("an account needs at least one listing and no negative sizes")
        if self.messages_per_conversation <= 1:
            raise ValueError("messages_per_conversation must be above 1")
        if not 0 <= self.orphan_share <= 1:
            raise ValueError("orphan_share is a share between 0 and 1")
        if self.conversation_count and not self.reservations:
            raise ValueError("conversations need reservations")


@dataclass(frozen=True, kw_only=True)
class SimulatorConfig:
    """Options of a simulator; everything has a default.

    accounts: account id (the client_id) to API key; port 0 takes a free port; seed, anchor and sizes fix the data.
    token_delay: seconds until a new token is accepted; token_lifetime: seconds (expires_in).
    ip_limit, account_limit: off by default; message_limit: own limit of sending messages, None for off.
    lean_by_default: without includeResources answer as documented (attached arrays empty), False as recorded (full).
    webhook_time_scale: factor on the retry delays (1 min, 10 min, 45 min) and on the 5 days until disabling.
    """

    host: str = "127.0.0.1"
    port: int = 0
    accounts: Mapping[int, str] = field(default_factory=lambda: DEFAULT_ACCOUNTS)
    seed: int = 1
    anchor: date = field(default_factory=today)
    sizes: Sizes = field(default_factory=Sizes)
    token_delay: float = 1.0
    token_lifetime: int = 63_158_400
    ip_limit: Limit | None = None
    account_limit: Limit | None = None
    message_limit: Limit | None = DEFAULT_MESSAGE_LIMIT
    lean_by_default: bool = True
    webhook_time_scale: float = 1.0


def parse_accounts(text: str) -> dict[int, str]:
    """Accounts from "701:secret,702:secret"; raises ValueError naming the part that is wrong."""
    accounts: dict[int, str] = {}
    for position, part in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        number, _, secret = part.partition(":")
        if not number.isdigit() or not secret:
            # The part itself may hold a secret, so the message names only its position.
            raise ValueError(f"account {position} is not of the form id:secret")
        if int(number) in accounts:
            raise ValueError(f"account {int(number)} is given twice")
        accounts[int(number)] = secret
    if not accounts:
        raise ValueError("no accounts given")
    return accounts


def parse_limit(text: str) -> Limit | None:
    """A limit from "15/10" (calls/seconds); "" and "off" mean none."""
    if text.strip().lower() in {"", "off", "none"}:
        return None
    calls, _, seconds = text.partition("/")
    try:
        limit = Limit(int(calls), float(seconds))
    except ValueError:
        raise ValueError(f"limit {text!r} is not of the form calls/seconds") from None
    if limit.calls < 1 or limit.seconds <= 0:
        raise ValueError(f"limit {text!r} must allow at least one call in a positive time")
    return limit
