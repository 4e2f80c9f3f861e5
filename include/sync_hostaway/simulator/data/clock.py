"""Simulated time: the anchor date is "today" of the data, and time passes from there."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime
from email.utils import formatdate
from functools import lru_cache

DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@lru_cache(maxsize=100_000)
def day_text(day_number: int) -> str:
    """Days since 1970-01-01 as "YYYY-MM-DD"."""
    return date.fromordinal(_EPOCH_ORDINAL + day_number).isoformat()


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def parse_day(text: str) -> int | None:
    """Day number of the date at the start of `text`, None when there is none."""
    match = _DATE.match(text)
    if match is None:
        return None
    try:
        return day_number(date.fromisoformat(match.group()))
    except ValueError:
        return None


def stamp(seconds: int) -> str:
    """Unix seconds as Hostaway writes timestamps: "YYYY-MM-DD HH:MM:SS", UTC, without a zone."""
    days, rest = divmod(seconds, DAY)
    minutes, second = divmod(rest, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day_text(days)} {hour:02d}:{minute:02d}:{second:02d}"


def parse_stamp(text: str) -> int:
    """Unix seconds of a Hostaway timestamp; raises ValueError for anything else."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())


class Clock:
    """Seconds of simulated time since 1970.

    With an anchor of today the clock is the real one, so that clients comparing with their own clock see fresh
    changes; with any other anchor it starts at that day's midnight and runs at real speed.
    """

    def __init__(self, anchor: date) -> None:
        self.anchor = anchor
        self.anchor_seconds = day_number(anchor) * DAY
        self._offset = 0.0 if anchor == datetime.now(UTC).date() else self.anchor_seconds - time.time()
        self._stopped_at: float | None = None

    def time(self) -> float:
        """Seconds since 1970, with their fraction."""
        return time.time() + self._offset if self._stopped_at is None else self._stopped_at

    def stop(self) -> None:
        """Stand still, so that several changes have the same stamp."""
        self._stopped_at = self.time()

    def start(self) -> None:
        """Run again, from where it was stopped."""
        if self._stopped_at is not None:
            self._offset = self._stopped_at - time.time()
            self._stopped_at = None

    def now(self) -> int:
        return int(self.time())

    def timestamp(self) -> str:
        return stamp(self.now())

    def advance(self, seconds: float) -> None:
        """Jump forward; time never runs backwards, as updatedOn would then be older than what was served."""
        if seconds < 0:
            raise ValueError(f"the simulated clock cannot go back ({seconds} s)")
        if self._stopped_at is None:
            self._offset += seconds
        else:
            self._stopped_at += seconds

    def http_date(self) -> str:
        """The simulated time as an HTTP Date header."""
        return formatdate(self.now(), usegmt=True)
