"""When accounts are synced: spread evenly over the day and the days, and the same on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, time, timedelta


@dataclass(frozen=True)
class SyncSchedule:
    """The schedule of scheduled syncs. All times are UTC.

    :param every_hours: hours between two syncs of an account: 1 to 24, or whole days.
    :param start: time at which the spread of the accounts begins.
    :param spread_hours: hours over which the accounts are spread; at most `every_hours` count.
    :param full_every_days: days between two full syncs of an account; 0: never.
    """

    every_hours: int
    start: time
    spread_hours: float
    full_every_days: int

    def is_full_day(self, account_id: int, day: date) -> bool:
        """Return whether the scheduled sync of that UTC day is a full one. The accounts are spread over the days."""
        if not self.full_every_days:
            return False
        return (day.toordinal() + evenly_spread(account_id, 365)) % self.full_every_days == 0

    def minutes(self, account_id: int) -> list[int]:
        """Return the minutes of the UTC day at which an account syncs: spread evenly, and the same on every machine.

        The account id decides the first one. The others follow every `every_hours`. If that does not divide 24,
        the last interval of a day is shorter.
        """
        every = self.every_hours
        places = int(min(self.spread_hours, every) * 60)
        first = self.start.hour * 60 + self.start.minute + evenly_spread(account_id, places)
        return sorted((first + 60 * hours) % (24 * 60) for hours in range(0, 24, every))

    def cron(self, account_id: int) -> str:
        """The schedule of an account, as a cron expression.

        With an interval of some days, the accounts are spread over the days of the month. All of them also sync on its
        first day, so that no pause is longer than the setting. Weekly: on a day of the week.
        """
        minutes = self.minutes(account_id)
        of_day = f"{minutes[0] % 60} {','.join(str(minute // 60) for minute in minutes)}"
        every = self.every_hours // 24
        if every <= 1:
            return f"{of_day} * * *"
        offset = evenly_spread(account_id, 5040) % every
        if every == 7:
            return f"{of_day} * * {offset}"
        days = sorted({1, *range(1 + offset, 32, every)})
        return f"{of_day} {','.join(map(str, days))} * *"

    @property
    def longest_without_sync(self) -> timedelta:
        """Maximum age of the last complete sync, with time for retries. An older one is a failure."""
        return timedelta(hours=max(1.5 * self.every_hours, self.every_hours + 3))

    @property
    def read_again_after(self) -> timedelta | None:
        """Small lists and calendars are read again after this time. None: once per UTC day.

        It is half the interval of the syncs, so that a sync that started late does not prevent the next read.
        """
        return timedelta(hours=self.every_hours / 2) if self.every_hours < 24 else None


def evenly_spread(account_id: int, places: int) -> int:
    """Return a number from 0 to `places - 1` for an account: evenly spread, and the same on every machine."""
    digest = hashlib.sha256(str(account_id).encode()).digest()
    return int.from_bytes(digest[:4], "big") * places // 2**32
