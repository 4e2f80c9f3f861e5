"""Dates and times as chat exports write them: ISO, with dots or slashes, with names of months, with am and pm."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum

_MONTH_NAME = r"[^\W\d_]{3,12}\.?"
# In the languages of the months below; a day of the week before a date is ignored.
_WEEKDAY = (
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|"
    r"lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|"
    r"(?:luned|marted|mercoled|gioved|venerd)[iì]|sabato|domenica|(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?|"
    r"(?:maan|dins|woens|donder|vrij|zater|zon)dag|mo|di|mi|do|fr|sa|so"
)
DATE = (
    rf"(?:(?:(?:{_WEEKDAY})[.,]{{0,2}} )?(?:"
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}[年년] ?\d{1,2}[月월] ?\d{1,2}[日일]|"
    r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}(?:\d{2})?"
    rf"|{_MONTH_NAME} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.? (?:de )?{_MONTH_NAME},? (?:de )?\d{{4}}))"
)
TIME = r"(?:\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,6})?)?(?: ?[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)"
_PARTS = re.compile(
    rf"(?P<date>{DATE})?(?P<between>[ T,]| at | um | a las | à | alle | às | - )*(?P<time>{TIME})?", re.IGNORECASE
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d{1,6})?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}))?",
    re.IGNORECASE,
)
_WEEKDAY_BEFORE = re.compile(rf"(?:{_WEEKDAY})[.,]{{0,2}} (?=\S*\d|\S+ \d)", re.IGNORECASE)
_NUMERIC = re.compile(r"(\d{1,4})([-/.])(\d{1,2})[-/.](\d{1,4})")
_NAMED = re.compile(
    rf"(?:(?P<month>{_MONTH_NAME}) )?(?P<day>\d{{1,2}})\D{{0,8}}?(?P<later>{_MONTH_NAME})?,? (?:de )?(?P<year>\d{{4}})"
)
# The first letters of months in English, German, French, Spanish, Italian, Portuguese, Dutch, Scandinavian languages,
# Polish, Czech, Turkish and Russian, without accents. Names that mean another month in a neighbouring language are
# whole, or left out: listopad is October in Croatian, and November in Polish.
_MONTHS = {
    "juin": 6, "juil": 7, "juli": 7, "julh": 7, "jan": 1, "ene": 1, "gen": 1, "feb": 2, "fev": 2, "mar": 3, "maa": 3,
    "mrt": 3, "apr": 4, "avr": 4, "abr": 4, "may": 5, "mai": 5, "mag": 5, "mei": 5, "jun": 6, "giu": 6, "jul": 7,
    "lug": 7, "aug": 8, "ago": 8, "aou": 8, "sep": 9, "set": 9, "oct": 10, "okt": 10, "ott": 10, "out": 10, "nov": 11,
    "dec": 12, "dez": 12, "dic": 12, "maj": 5, "maja": 5, "des": 12,
    "sty": 1, "lut": 2, "kwi": 4, "cze": 6, "lipca": 7, "lipiec": 7, "sie": 8, "wrz": 9, "paz": 10, "gru": 12,
    "led": 1, "uno": 2, "bre": 3, "dub": 4, "kve": 5, "srpna": 8, "srpen": 8, "zar": 9, "rij": 10, "pro": 12,
    "cerven": 6, "cervna": 6, "cervenec": 7, "cervence": 7, "oca": 1, "sub": 2,
    "nis": 4, "haz": 6, "tem": 7, "agu": 8, "eyl": 9, "eki": 10, "kas": 11, "ara": 12,
    "янв": 1, "фев": 2, "мар": 3, "апр": 4, "мая": 5, "маи": 5, "июн": 6, "июл": 7, "авг": 8, "сен": 9, "окт": 10,
    "ноя": 11, "дек": 12,
}  # fmt: skip


class DateOrder(StrEnum):
    """What 05/06/2025 means."""

    AUTO = "auto"
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


@dataclass(frozen=True)
class Stamp:
    """A date and time as read, with what could not be read of it.

    :param moment: aware; None where date or time is missing or does not exist.
    :param problem: why there is no moment, where something is written.
    """

    day: date | None = None
    moment: datetime | None = None
    problem: str | None = None


class StampReader:
    """Reads the stamps of one file.

    :param order: what numeric dates with slashes or dashes mean; AUTO: what the dates of the file tell together.
    :param zone: time zone of stamps that name none.
    """

    def __init__(self, order: DateOrder, zone: tzinfo, texts: Iterable[str]) -> None:
        self._zone = zone
        self._day_first = {DateOrder.DAY_FIRST: True, DateOrder.MONTH_FIRST: False}.get(order, _evident_order(texts))

    def read(self, text: str, day: date | None = None) -> Stamp:
        """Read a stamp.

        :param day: of the heading above, for a stamp that is a time alone.
        """
        parts = _PARTS.fullmatch(text.strip(" ,"))
        if not parts or not (parts["date"] or parts["time"]):
            return Stamp(problem=f"the time {text.strip()!r} cannot be read")
        if parts["date"]:
            try:
                day = self._day(parts["date"])
            except ValueError as error:
                return Stamp(problem=str(error))
        if day is None:
            return Stamp(problem=f"the time {text.strip()!r} has no date")
        if not parts["time"]:
            return Stamp(day)
        try:
            clock = _clock(parts["time"], self._zone)
        except ValueError:
            return Stamp(day, problem=f"the time {parts['time']!r} does not exist")
        try:
            return Stamp(day, datetime.combine(day, clock).astimezone(UTC))
        except OverflowError:
            return Stamp(day, problem=f"the time {text.strip()!r} is out of range")

    def _day(self, text: str) -> date:
        """The day that a text names.

        :raises ValueError: saying why there is no such day.
        """
        text = _WEEKDAY_BEFORE.sub("", text)
        found = _NUMERIC.fullmatch(re.sub(r"[年년月월] ?", "-", text).rstrip("日일"))
        first, second, last = (int(found[1]), int(found[3]), int(found[4])) if found else (0, 0, 0)
        is_day_first = True if found and found[2] == "." else self._day_first
        if found and len(found[1]) < 4 and is_day_first is None and first != second and max(first, second) <= 12:
            raise ValueError(f"the date {text} may be of two months, and no date of the file tells: use --dates")
        try:
            if not found:
                return _named_day(text)
            if len(found[1]) == 4:
                return date(first, second, last)
            year = last + 2000 if last < 100 else last
            day_first = first > 12 if is_day_first is None else is_day_first
            return date(year, second, first) if day_first else date(year, first, second)
        except ValueError:
            raise ValueError(f"the date {text} does not exist") from None


def _evident_order(texts: Iterable[str]) -> bool | None:
    """Whether the day comes first, as far as dates with a day above 12 tell; None when none does, or both."""
    found = set()
    for text in texts:
        for first, separator, second, _ in _NUMERIC.findall(text):
            if separator != "." and len(first) < 4 and max(int(first), int(second)) > 12:
                found.add(int(first) > 12)
    return found.pop() if len(found) == 1 else None


def _named_day(text: str) -> date:
    found = _NAMED.fullmatch(text)
    if not found:
        raise ValueError
    name = unicodedata.normalize("NFKD", (found["month"] or found["later"] or "").casefold())
    plain = "".join(letter for letter in name if letter.isalpha())
    month = _MONTHS.get(plain) or _MONTHS.get(plain[:4]) or _MONTHS.get(plain[:3])
    if month is None:
        raise ValueError
    return date(int(found["year"]), month, int(found["day"]))


def _clock(text: str, zone: tzinfo) -> time:
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if found["half"].lower() == "p" else 0)
    given = found["zone"]
    if given:
        offset = "+0000" if given[0] not in "+-" else given.replace(":", "")
        zone = datetime.strptime(offset, "%z").tzinfo or UTC
    return time(hour, int(found["minute"]), int(found["second"] or 0), tzinfo=zone)
