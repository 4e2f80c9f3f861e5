"""What two heads of a list say has moved: any order of updates, messages, deletions and new rows in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.extract.heads import Head, HeadList, HeadRow, compare, is_in_disorder, look_alike, merged

START = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
PAGE = 6


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


@dataclass
class Reservation:
    id: int
    updated: datetime
    received: datetime


@dataclass
class Account:
    """What a server keeps of an account, and the heads it gives."""

    now: datetime = START
    rows: list[Reservation] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    talked: set[int] = field(default_factory=set)

    def add(self) -> None:
        number = 1 + max((row.id for row in self.rows), default=0)
        self.rows.append(Reservation(number, self.now, datetime.min.replace(tzinfo=UTC)))
        self.touched.add(number)

    def update(self, pick: int) -> None:
        if self.rows:
            row = self.rows[pick % len(self.rows)]
            row.updated = self.now
            self.touched.add(row.id)

    def write(self, pick: int) -> None:
        if self.rows:
            row = self.rows[pick % len(self.rows)]
            row.received = row.updated = self.now
            self.touched.add(row.id)
            self.talked.add(row.id)

    def delete(self, pick: int) -> None:
        if self.rows:
            gone = self.rows.pop(pick % len(self.rows)).id
            self.touched.discard(gone)
            self.talked.discard(gone)

    def head(self, which: HeadList, size: int) -> Head:
        def key(row: Reservation) -> tuple[datetime, int]:
            return (row.updated if which is HeadList.CHANGED else row.received), row.id

        rows = sorted(self.rows, key=key, reverse=True)[:size]
        found = tuple(HeadRow(row.id, stamp(row.updated), stamp(row.updated)) for row in rows)
        return Head(found, self.now, is_all=size >= len(self.rows))


steps = st.lists(
    st.tuples(st.sampled_from(["add", "update", "write", "delete", "wait", "poll"]), st.integers(0, 20)),
    min_size=1,
    max_size=40,
)


@given(st.integers(0, 12), steps)
@pytest.mark.parametrize("which", [HeadList.CHANGED, HeadList.RECEIVED])
def test_no_change_between_two_heads_is_missed(which: HeadList, count: int, what: list[tuple[str, int]]) -> None:
    account = Account()
    for _ in range(count):
        account.add()
    account.now += timedelta(seconds=10)
    known = account.head(which, PAGE)
    account.touched.clear()
    account.talked.clear()
    for action, pick in [*what, ("wait", 0), ("poll", 0)]:
        if action == "wait":
            account.now += timedelta(seconds=pick)
        elif action == "add":
            account.add()
        elif action != "poll":
            getattr(account, action)(pick)
        else:
            size = PAGE
            now = account.head(which, size)
            while not compare(which, known, now).is_whole:
                size += PAGE
                assert not now.is_all, "the whole list tells what moved"
                now = account.head(which, size)
            moved = {row.id for row in compare(which, known, now).moved}
            assert (account.touched if which is HeadList.CHANGED else account.talked) <= moved
            account.touched.clear()
            account.talked.clear()
            known = merged(known, now)


@given(st.integers(0, 12), st.integers(1, 12))
@pytest.mark.parametrize("which", list(HeadList))
def test_nothing_moves_where_nothing_changed(which: HeadList, count: int, size: int) -> None:
    account = Account()
    for _ in range(count):
        account.add()
        account.now += timedelta(seconds=1)
        account.write(0)
    account.now += timedelta(seconds=10)
    known = account.head(which, size)
    account.now += timedelta(seconds=300)
    found = compare(which, known, account.head(which, size))
    assert found.moved == ()
    assert found.is_whole


def rows(*ids: int, activity: str = "2026-11-01 11:00:00") -> tuple[HeadRow, ...]:
    return tuple(HeadRow(number, activity, activity) for number in ids)


def moved(before: tuple[HeadRow, ...], now: tuple[HeadRow, ...], *, stamps_move: bool | None = None) -> list[int]:
    later = Head(now, START + timedelta(minutes=5))
    found = compare(HeadList.RECEIVED, Head(before, START), later, stamps_move=stamps_move)
    return [row.id for row in found.moved]


def test_deleted_rows_let_others_slide_up_and_these_have_not_moved() -> None:
    assert moved(rows(1, 2, 3, 4), rows(1, 3, 4, 8, 9)) == []
    assert moved(rows(1, 2, 3, 4), rows(7, 1, 3, 4, 8)) == [7]


def test_ties_that_change_places_are_no_movement_where_messages_move_stamps() -> None:
    assert moved(rows(1, 2, 3, 4), rows(1, 3, 2, 4)) == [3, 2]
    assert moved(rows(1, 2, 3, 4), rows(1, 3, 2, 4), stamps_move=True) == []


def test_a_row_that_drops_because_its_message_was_deleted_has_moved() -> None:
    assert moved(rows(1, 2, 3, 4, 5), rows(2, 3, 4, 1, 5)) == [1]


def test_a_second_message_to_the_front_row_shows_in_its_stamps() -> None:
    later = (*rows(1, activity="2026-11-01 12:03:00"), *rows(2, 3))
    assert moved(rows(1, 2, 3), later) == [1]
    # Below a row that has not moved, no message came: the stamp tells of another change.
    assert moved(rows(2, 1, 3), (*rows(2), *rows(1, activity="2026-11-01 12:03:00"), *rows(3))) == []


def test_a_short_answer_keeps_what_stood_behind_it() -> None:
    known = Head(rows(1, 2, 3, 4, 5), START)
    kept = merged(known, Head(rows(9, 1, 2), START + timedelta(minutes=5)))
    assert [row.id for row in kept.rows] == [9, 1, 2, 3, 4, 5]


def test_a_head_without_a_known_row_is_not_whole() -> None:
    found = compare(HeadList.SENT, Head(rows(1, 2, 3), START), Head(rows(7, 8, 9), START))
    assert not found.is_whole
    assert [row.id for row in found.moved] == [7, 8, 9]


def test_a_server_that_ignores_the_order_gives_the_same_rows_thrice() -> None:
    same = Head(rows(1, 2, 3), START)
    assert look_alike(dict.fromkeys(HeadList, same))
    assert not look_alike({**dict.fromkeys(HeadList, same), HeadList.SENT: Head(rows(2, 1, 3), START)})


def test_changes_that_do_not_come_newest_first_are_a_disorder() -> None:
    old, new = rows(1, activity="2026-11-01 10:00:00"), rows(2)
    assert is_in_disorder([*old, *new])
    assert not is_in_disorder([*new, *old])
