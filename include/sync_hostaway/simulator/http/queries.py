"""Filters, sort orders and paging. Unknown, misspelt or malformed parameters are ignored, as the real API does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic
from urllib.parse import parse_qsl

from sync_hostaway.simulator.data.rows import R, Selection, SortKey, Table

Predicate = Callable[[R], bool]
# Makes a predicate from the parameter's value or values, None when it makes no sense of them.
FilterMaker = Callable[[str], "Predicate[R] | None"]
ArrayFilterMaker = Callable[[tuple[str, ...]], "Predicate[R] | None"]
_DEFAULT_LIMIT = 100
# Larger limits are cut silently, to the default where no other is named.
_LIMIT_CAPS = {
    "listings": 200,
    **dict.fromkeys(("reservations", "conversations", "reviews", "expenses", "guestCharges", "customFields"), 500),
}


class Params:
    """Query parameters; array parameters count only with brackets (`specialStatus[]=active`)."""

    __slots__ = ("_pairs",)

    def __init__(self, query: str | Iterable[tuple[str, str]]) -> None:
        self._pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else list(query)

    def get(self, name: str) -> str | None:
        """The last value, as PHP takes it."""
        found = None
        for key, value in self._pairs:
            if key == name:
                found = value
        return found

    def all(self, name: str) -> tuple[str, ...]:
        """All values of `name[]` (or `name[0]`, `name[1]`)."""
        return tuple(value for key, value in self._pairs if key.startswith(name + "[") and key.endswith("]"))

    def number(self, name: str) -> int | None:
        """The value as a whole number of at least 0, None for anything else."""
        value = self.get(name)
        return int(value) if value is not None and value.isdecimal() else None

    def flag(self, name: str) -> bool | None:
        """Return a 0/1 parameter; None when it is missing."""
        value = self.get(name)
        return None if value is None else value in {"1", "true"}

    def without(self, *names: str) -> Params:
        return Params(pair for pair in self._pairs if pair[0] not in names)

    def extended(self, name: str, value: str) -> Params:
        """With one more parameter, which wins over earlier ones of the name."""
        return Params([*self._pairs, (name, value)])


@dataclass(frozen=True)
class Order(Generic[R]):
    """A sort order by name."""

    name: str
    key: SortKey[R]
    reverse: bool = False


@dataclass(frozen=True)
class Combined(Generic[R]):
    """A filter that several parameters make together. `key` is hashable and differs whenever the answer may differ."""

    key: Any
    predicate: Predicate[R]


@dataclass(frozen=True)
class ListSpec(Generic[R]):
    """What a list understands: `default` order, further orders by sortOrder value, filters and array filters."""

    default: Order[R]
    orders: Mapping[str, Order[R]]
    filters: Mapping[str, FilterMaker[R]]
    array_filters: Mapping[str, ArrayFilterMaker[R]]
    hidden: Predicate[R] | None = None
    combined: Combined[R] | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Limit and offset after the silent cap; after_id replaces the offset."""

    limit: int
    offset: int
    after_id: int | None = None


def page_request(params: Params, resource: str, *, cursor: bool = False) -> PageRequest:
    limit = min(params.number("limit") or _DEFAULT_LIMIT, _LIMIT_CAPS.get(resource, _DEFAULT_LIMIT))
    after_id = params.number("afterId") if cursor else None
    offset = params.number("offset") or 0
    return PageRequest(limit, 0 if after_id is not None else offset, after_id)


def order_of(spec: ListSpec[R], params: Params) -> Order[R]:
    """The requested order; the default one if it is unknown."""
    return spec.orders.get(params.get("sortOrder") or "", spec.default)


def select(table: Table[R], spec: ListSpec[R], params: Params) -> Selection[R]:
    """Rows of the table that satisfy the known filters, in the requested order."""
    order = order_of(spec, params)
    wanted: list[tuple[str, Any]] = []
    predicates: list[Predicate[R]] = [] if spec.hidden is None else [spec.hidden]
    for name, make in spec.filters.items():
        value = params.get(name)
        if value:
            _collect(name, value, make(value), wanted, predicates)
    for name, make_array in spec.array_filters.items():
        values = params.all(name)
        if values:
            _collect(name, values, make_array(values), wanted, predicates)
    if spec.combined is not None:
        _collect("combined", spec.combined.key, spec.combined.predicate, wanted, predicates)

    def rows() -> list[R]:
        ordered = table.ordered(order.name, order.key, reverse=order.reverse)
        if not predicates:
            return ordered
        return [row for row in ordered if all(predicate(row) for predicate in predicates)]

    return table.select((order.name, tuple(wanted)), rows)


def _collect(
    name: str,
    value: Any,
    predicate: Predicate[R] | None,
    wanted: list[tuple[str, Any]],
    predicates: list[Predicate[R]],
) -> None:
    if predicate is not None:
        wanted.append((name, value))
        predicates.append(predicate)


def cut(selection: Selection[R], request: PageRequest) -> list[R]:
    """The rows of one page.

    A cursor that is not (or no longer) in the list starts over from the front. A row that was updated after it
    became the cursor is at the front of the default order, so the client starts from there, too.
    """
    start = request.offset
    if request.after_id is not None:
        position = selection.position(request.after_id)
        start = 0 if position is None else position + 1
    return selection.rows[start : start + request.limit]
