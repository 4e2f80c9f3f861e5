"""What a run of `hostaway_delta` did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sync_hostaway.events.batch import BatchResult
from sync_hostaway.transforms import TransformResult


@dataclass
class WorkerResult:
    """The result of a run.

    :param seconds: duration.
    :param batches: batches of all accounts.
    """

    seconds: float = 0.0
    batches: int = 0
    accounts: dict[int, BatchResult] = field(default_factory=dict)
    transforms: list[TransformResult] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Events that ended, or that will be tried again."""
        return sum(result.events for result in self.accounts.values())

    def add(self, later: WorkerResult) -> None:
        """Add the counts of a later run."""
        self.seconds += later.seconds
        self.batches += later.batches
        for account_id, result in later.accounts.items():
            self.accounts.setdefault(account_id, BatchResult(account_id)).add(result)
        self.transforms += later.transforms

    def summary(self) -> dict[str, Any]:
        """The result as plain values for XCom: seconds, events, batches, counts per account, and the transforms."""
        return {
            "seconds": round(self.seconds, 2),
            "events": self.events,
            "batches": self.batches,
            "accounts": {
                str(account_id): {name: value for name, value in asdict(result).items() if name != "account_id"}
                for account_id, result in sorted(self.accounts.items())
            },
            "transforms": [result.summary() for result in self.transforms],
        }
