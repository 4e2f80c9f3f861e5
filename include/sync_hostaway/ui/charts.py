"""Draws small charts as SVG: no script, no style attribute, readable without colour.

Each has a title for screen readers. The title of each part has the meaning of its colour in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Day:
    """The syncs of one account that ended on one day in UTC."""

    day: date
    complete: int = 0
    incomplete: int = 0
    failed: int = 0
    api_calls: int = 0
    rows_changed: int = 0

    @property
    def kind(self) -> str:
        """none, complete, partly (some were not complete) or failed (none was complete)."""
        if not self.incomplete + self.failed:
            return "complete" if self.complete else "none"
        return "partly" if self.complete else "failed"


def day_bars(days: Sequence[Day]) -> Markup:
    """One bar per day."""
    bars = []
    for place, day in enumerate(days):
        height = 4 if day.kind == "none" else 18
        label = "no sync" if day.kind == "none" else f"{day.complete} complete"
        label += f", {day.incomplete} incomplete" if day.incomplete else ""
        label += f", {day.failed} failed" if day.failed else ""
        bars.append(
            f'<rect class="bar {day.kind}" x="{place * 4}" y="{18 - height}" width="3" height="{height}">'
            f"<title>{day.day:%d %b}: {label}, {day.api_calls} calls</title></rect>"
        )
    bad = sum(day.kind in ("partly", "failed") for day in days)
    return _svg("days", len(days) * 4, 18, f"Last {len(days)} days: {bad} with failed or incomplete syncs", bars)


def sparkline(values: Sequence[float | None], what: str) -> Markup:
    """A line through the values, oldest first; empty for fewer than two."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup('<span class="quiet">–</span>')
    low, high = min(known), max(known)
    span = (high - low) or 1
    step = 72 / (len(known) - 1)
    points = " ".join(f"{place * step:.1f},{17 - (value - low) / span * 16:.1f}" for place, value in enumerate(known))
    label = f"{what}: lowest {low:,.0f}, highest {high:,.0f}, newest {known[-1]:,.0f}"
    return _svg("spark", 72, 18, label, [f'<polyline class="line" points="{points}"/>'])


def hour_bars(hours: Sequence[tuple[str, float | None, float | None, int]], target: float) -> Markup:
    """Median and 95th percentile in seconds for each hour, on a logarithmic scale from 0.1 s to 1,000 s.

    :param hours: hour, median, 95th percentile and number of events of each.
    :param target: seconds at which a line is drawn.
    """
    parts = []
    for place, (hour, median, high, events) in enumerate(hours):
        x = place * 26 + 4
        if median is None or high is None:
            parts.append(
                f'<rect class="bar none" x="{x}" y="97" width="18" height="3"><title>{hour}: no event</title></rect>'
            )
            continue
        label = f"<title>{hour}: {events} events, median {median:.1f} s, 95 % within {high:.1f} s</title>"
        top, middle = _log_y(high), _log_y(median)
        parts.append(f'<rect class="bar p95" x="{x}" y="{top:.1f}" width="18" height="{100 - top:.1f}">{label}</rect>')
        parts.append(
            f'<rect class="bar p50" x="{x + 4}" y="{middle:.1f}" width="10" height="{100 - middle:.1f}">{label}</rect>'
        )
    line = _log_y(target)
    width = max(1, len(hours)) * 26
    parts.append(f'<line class="target" x1="0" x2="{width}" y1="{line:.1f}" y2="{line:.1f}"/>')
    return _svg("hours", width, 100, "Seconds from webhook to table for each hour of the last day", parts)


def heatmap(rows: Sequence[tuple[str, Sequence[str]]], days: Sequence[date]) -> Markup:
    """One line per listing, one cell per night.

    :param rows: name of the listing and the state of each night: booked, free, blocked or unknown.
    """
    parts = []
    for line, (name, states) in enumerate(rows):
        cells = "".join(
            f'<rect class="night {state}" x="{place * 9}" y="{line * 14}" width="8" height="12">'
            f"<title>{escape(name)}, {day:%a %d %b}: {state}</title></rect>"
            for place, (day, state) in enumerate(zip(days, states, strict=True))
        )
        parts.append(cells)
    return _svg("nights", len(days) * 9, max(1, len(rows)) * 14, f"Nights of {len(rows)} listings", parts)


def meter(part: float, whole: float | None, what: str) -> Markup:
    """The used part of a whole; empty without a whole."""
    if not whole:
        return Markup("")
    width = min(60.0, part / whole * 60)
    kind = "high" if part > 0.9 * whole else "normal"
    bar = f'<rect class="track" width="60" height="6"/><rect class="used {kind}" width="{width:.1f}" height="6"/>'
    return _svg("meter", 60, 6, f"{what}: {part:,.0f} of {whole:,.0f}", [bar])


def _log_y(seconds: float) -> float:
    from math import log10

    return 100 - min(1.0, max(0.02, (log10(max(seconds, 0.1)) + 1) / 4)) * 100


def _svg(kind: str, width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    return Markup(  # noqa: S704 - every text above is ours or escaped
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
