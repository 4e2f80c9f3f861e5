"""The state of a running simulator: accounts, clock, tokens, limits, fault rules and counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sync_hostaway.simulator.config import SimulatorConfig, Sizes
from sync_hostaway.simulator.data.account import AccountData
from sync_hostaway.simulator.data.clock import Clock
from sync_hostaway.simulator.data.conversations import SENT, for_endpoint
from sync_hostaway.simulator.data.rows import ConversationRow, JsonObject, Row
from sync_hostaway.simulator.http.attach import EVERYTHING, Attachments, encode, shape
from sync_hostaway.simulator.http.cache import ByteCache
from sync_hostaway.simulator.http.faults import FaultRules
from sync_hostaway.simulator.http.limits import SlidingWindows
from sync_hostaway.simulator.http.tokens import Tokens


@dataclass(slots=True)
class Account:
    """Credentials and data of a tenant; `generation` distinguishes encoded objects of a re-created account."""

    id: int
    secret: str
    data: AccountData
    generation: int


@dataclass
class Stats:
    """Counters: calls and refused calls per account ("" before authentication) and kind of path."""

    calls: dict[str, Counter[str]] = field(default_factory=dict)
    rate_limited: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    def count(self, account: str, kind: str) -> None:
        self.calls.setdefault(account, Counter())[kind] += 1

    def report(self) -> JsonObject:
        return {
            "total": sum(self.statuses.values()),
            "calls": {account: dict(counter) for account, counter in self.calls.items()},
            "rateLimited": dict(self.rate_limited),
            "statuses": {str(status): count for status, count in self.statuses.items()},
        }

    def clear(self) -> None:
        self.calls.clear()
        self.rate_limited.clear()
        self.statuses.clear()


class SimulatorState:
    """All state; used from one event loop only."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self._generation = 0
        self.reset()

    def reset(self) -> None:
        """Reset data, clock, accounts, faults, tokens and counters to the configuration."""
        config = self.config
        self.clock = Clock(config.anchor)
        self.tokens = Tokens(delay=config.token_delay, lifetime=config.token_lifetime)
        self.windows = SlidingWindows()
        self.faults = FaultRules()
        self.stats = Stats()
        self.cache = ByteCache()
        self.accounts: dict[int, Account] = {}
        for account_id, secret in config.accounts.items():
            self.add_account(account_id, secret)

    def add_account(self, account_id: int, secret: str, sizes: Sizes | None = None) -> Account:
        """Create the account and its data, replacing one that exists."""
        self._generation += 1
        data = AccountData(account_id, self.config.seed, sizes or self.config.sizes, self.clock.anchor_seconds)
        account = self.accounts[account_id] = Account(account_id, secret, data, self._generation)
        return account

    def encoded(self, account: Account, resource: str, row: Row, attached: Attachments) -> bytes:
        """An object as JSON bytes in the variant with these attachments."""
        key = (account.generation, resource, row.id, row.version, attached)

        def make() -> bytes:
            return encode(shape(resource, account.data.object(resource, row), attached, account.id))

        return self.cache.get(key, make)

    def encoded_messages(self, account: Account, conversation: ConversationRow, *, scheduled: bool) -> list[bytes]:
        """The messages of a conversation for the messages endpoint, oldest first."""
        data = account.data
        row = data.reservations.get(conversation.reservation_id)
        name = data.line(row.listing_id).name if row is not None else ""

        def make() -> bytes:
            chosen = [item for item in data.messages(conversation) if scheduled or item.get("status") == SENT]
            return b"\n".join(encode(for_endpoint(item, name)) for item in chosen)

        key = (account.generation, "messages", conversation.id, conversation.version, scheduled)
        # JSON has no raw line break, so one entry can hold the whole conversation.
        return self.cache.get(key, make).splitlines()

    def full_object(self, account: Account, resource: str, row: Row) -> Any:
        """The object with everything attached, for truth and webhooks."""
        return shape(resource, account.data.object(resource, row), EVERYTHING, account.id)
