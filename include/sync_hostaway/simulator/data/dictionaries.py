"""The API's dictionaries: answers that are keyed objects instead of arrays. A part of each real one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.data.texts import CITIES


def _countries() -> JsonObject:
    """Names by ISO 3166-1 code, sorted by name."""
    return dict(sorted({city[3]: city[2] for city in CITIES}.items(), key=lambda item: item[1]))


def _currencies() -> JsonObject:
    """Names by ISO 4217 code, sorted by code."""
    names = {"AUD": "Australian Dollar", "BRL": "Brazilian Real", "EUR": "Euro", "GBP": "British Pound Sterling"}
    names |= {"JPY": "Japanese Yen", "MXN": "Mexican Peso", "USD": "United States Dollar"}
    codes = sorted({*names, *(city[4] for city in CITIES)})
    return {code: f"{code} - {names.get(code, code)}" for code in codes}


def _languages() -> JsonObject:
    """Names by ISO 639-1 code, sorted by name."""
    return {"ar": "Arabic", "en": "English", "fr": "French", "de": "German", "pt": "Portuguese", "es": "Spanish"}


def _timezones() -> JsonObject:
    """Descriptions by IANA name, sorted by the difference to UTC."""
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    moments = {name: summer.astimezone(ZoneInfo(name)) for name in {"UTC", *(city[5] for city in CITIES)}}
    result = {}
    for name, moment in sorted(moments.items(), key=lambda item: (item[1].utcoffset(), item[0])):
        difference = moment.strftime("%z")
        difference = f"{difference[:3]}:{difference[3:]}"
        result[name] = {"value": f"(UTC {difference}) {name}", "diff": difference}
    return result


DICTIONARIES: dict[str, Callable[[], JsonObject]] = {
    "countries": _countries,
    "currencies": _currencies,
    "languages": _languages,
    "timezones": _timezones,
}
