"""Reads of an unchanging list return every id exactly once, for every limit and order."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_hostaway.simulator.config import Sizes
from sync_hostaway.simulator.data.account import AccountData
from sync_hostaway.simulator.data.clock import Clock
from sync_hostaway.simulator.http import list_specs
from sync_hostaway.simulator.http.queries import Params, cut, page_request, select

DATA = AccountData(701, 3, Sizes(listings=5, reservations=240), Clock(date(2026, 5, 20)).anchor_seconds)
ORDERS = st.sampled_from(["", "updatedOn", "arrivalDate", "arrivalDateDesc", "latestActivity", "misspelt"])
FILTERS = st.sampled_from([(), (("channelId", "2018"),), (("arrivalStartDate", "2026-01-01"),), (("nope", "1"),)])


def page(pairs: list[tuple[str, str]]) -> tuple[list[int], int]:
    params = Params(pairs)
    selection = select(DATA.reservations, list_specs.reservations(DATA), params)
    rows = cut(selection, page_request(params, "reservations", cursor=True))
    return [row.id for row in rows], len(selection.rows)


@settings(max_examples=40)
@given(limit=st.integers(1, 600), order=ORDERS, filters=FILTERS, cursor=st.booleans())
def test_walks_return_every_id_once(limit: int, order: str, filters: tuple[tuple[str, str], ...], cursor: bool) -> None:
    base = [("limit", str(limit)), ("sortOrder", order), *filters]
    everything, count = page([("limit", "500"), ("sortOrder", order), *filters])
    seen: list[int] = []
    while True:
        position = ("afterId", str(seen[-1])) if cursor and seen else ("offset", str(len(seen)))
        ids, total = page([*base, position])
        assert total == count
        if not ids:
            break
        seen += ids
    assert seen == everything
    assert len(seen) == len(set(seen)) == count
