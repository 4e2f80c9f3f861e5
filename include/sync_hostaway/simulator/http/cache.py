"""Encoded objects, kept within a bound on memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable

_MAX_BYTES = 512 * 2**20


class ByteCache:
    """First in, first out: clients read whole lists, so another order would not help, and lookups stay cheap."""

    def __init__(self) -> None:
        self._size = 0
        self._items: dict[Hashable, bytes] = {}

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The bytes under the key, made when they are not there."""
        item = self._items.get(key)
        if item is None:
            item = make()
            self._items[key] = item
            self._size += len(item)
            while self._size > _MAX_BYTES and len(self._items) > 1:
                self._size -= len(self._items.pop(next(iter(self._items))))
        return item
