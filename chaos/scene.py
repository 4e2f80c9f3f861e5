"""One round's warehouse, what has changed at the source, and what has to hold in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson
from benchmarks.environment import as_settings

from chaos.invariants import KEYS
from chaos.work import WORK
from chaos.world import ACCOUNTS, CALENDAR, World, python
from sync_hostaway.core.db import Connection, connect, load_queries
from sync_hostaway.core.settings import get_settings
from sync_hostaway.events import inbox
from sync_hostaway.events.parse import parse_event
from sync_hostaway.local.access import PROJECT_ROOT

# The receiver's own statement: what it writes is what a worker has to understand.
_PUT_EVENT = load_queries(Path(inbox.__file__).with_name("inbox.sql"))["put_event"]


class Mark(NamedTuple):
    """A value that a row of a core table must show in the end, as text."""

    table: str
    key: dict[str, Any]
    column: str
    value: str


@dataclass
class Scene:
    """State of a round.

    :param accounts: those that are mirrored in the end; a purge removes one.
    :param erased: texts that no table may hold in the end.
    :param sent: the text of a message that Hostaway must have at most once.
    """

    world: World
    dsn: str
    name: str
    rng: Random
    accounts: set[int] = field(default_factory=lambda: set(ACCOUNTS))
    marks: list[Mark] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    sent: str | None = None
    messages_before: frozenset[int] = frozenset()
    kept: frozenset[int] = frozenset()
    """Reservations that the changes leave alone."""

    def __post_init__(self) -> None:
        self.env = self.world.env(self.dsn)
        self.control = self.world.simulator.control
        self._processes: list[Process] = []
        self._marks = 0

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Let this process have the settings of the round."""
        with as_settings(self.env):
            yield

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection to the round's warehouse."""
        with self.settings(), connect(application="chaos check") as connection:
            yield connection

    def ids(self, resource: str, account: int) -> list[int]:
        """Ids at the source."""
        found: list[int] = self.control.truth(account)["ids"][resource]
        return found

    def change_source(self, account: int) -> None:
        """Change, add and remove rows of an account at the source, and note what the tables must show."""
        control, rng = self.control, self.rng
        reservations = [number for number in self.ids("reservations", account) if number not in self.kept]
        changed = rng.sample(reservations, 4)
        for number in changed[:3]:
            self.change_reservation(account, number)
        control.delete("reservations", changed[3], account_id=account)
        self.change_reservation(account, control.create("reservations", account_id=account)["id"])
        text = self.new_mark()
        talks = self.control.objects("conversations", account)
        conversation = rng.choice([talk["id"] for talk in talks if talk["reservationId"] not in self.kept])
        fields = {"conversationId": conversation, "body": text, "isIncoming": 1}
        message = control.create("messages", fields, account_id=account)
        self.expect("messages", account, {"message_id": message["id"]}, "body", text)
        listing, today = rng.choice(self.ids("listings", account)), datetime.now(UTC).date()
        day, price = today + timedelta(days=rng.randrange(1, CALENDAR["ahead"])), str(rng.randrange(1000, 9000))
        control.patch_day(listing, day.isoformat(), {"price": int(price)}, account_id=account)
        self.expect("calendar_days", account, {"listing_id": listing, "date": day}, "price::integer", price)

    def change_reservation(self, account: int, number: int) -> dict[str, Any]:
        """Change a reservation at the source; returns it as Hostaway has it."""
        text = self.new_mark()
        changed = self.control.patch("reservations", number, {"hostNote": text}, account_id=account)
        self.expect("reservations", account, {"reservation_id": number}, "host_note", text)
        return changed

    def new_mark(self) -> str:
        """A text that is nowhere else."""
        self._marks += 1
        return f"chaos {self.name} mark {self._marks}"

    def expect(self, table: str, account: int, key: dict[str, Any], column: str, value: str) -> None:
        """Note what a row must show in the end; it replaces what was noted of that value before."""
        wanted = Mark(table, {"account_id": account, **key}, column, value)
        self.marks = [mark for mark in self.marks if mark[:3] != wanted[:3]]
        self.marks.append(wanted)

    def valid_marks(self) -> list[Mark]:
        """The marks of objects that the source still has: a fault may have deleted some."""
        present = {account: self.control.truth(account)["ids"] for account in self.accounts}
        found = []
        for mark in self.marks:
            key = KEYS.get(mark.table)
            account = mark.key["account_id"]
            if account in present and (key is None or mark.key[key] in present[account][mark.table]):
                found.append(mark)
        return found

    def times_sent(self) -> int:
        """How many messages of the round's text Hostaway has."""
        if self.sent is None:
            return 0
        new = set(self.ids("messages", 701)) - self.messages_before
        return sum(self.control.object("messages", number, 701)["body"] == self.sent for number in new)

    def receive(self, account: int, reservation: dict[str, Any]) -> None:
        """Put the event of a changed reservation into the inbox, as the receiver does."""
        body = {"object": "reservation", "event": "reservation.updated", "accountId": account, "data": reservation}
        with self.connection() as connection:
            connection.execute(_PUT_EVENT, {"account_id": account, **asdict(parse_event(orjson.dumps(body)))})

    def start(self, work: str, arguments: dict[str, Any], env: dict[str, str] | None = None) -> Process:
        """Start an operation as a process."""
        log = self.world.scratch / f"process-{len(self._processes)}.log"
        self._processes.append(Process(work, arguments, {**self.env, **(env or {})}, log))
        return self._processes[-1]

    def do(self, work: str, arguments: dict[str, Any]) -> bool:
        """Do an operation in this process; returns whether all was done."""
        with self.settings():
            return WORK[work](**arguments)

    def output(self) -> str:
        """What the round's processes printed."""
        return "".join(process.log.read_text(errors="replace") for process in self._processes)

    def secrets(self) -> list[str]:
        """Values that no output may hold."""
        with self.settings():
            keys = get_settings().fernet_keys()
        return [*ACCOUNTS.values(), *keys, self.dsn.partition("@")[0].rpartition(":")[2]]

    def close(self) -> None:
        """End the round's processes."""
        with ExitStack() as stack:
            for process in self._processes:
                stack.callback(process.kill)


class Process:
    """An operation in a process and a session of its own."""

    def __init__(self, work: str, arguments: dict[str, Any], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*python("chaos.work"), work, json.dumps(arguments)],
                cwd=PROJECT_ROOT,
                env={**env, "PYTHONFAULTHANDLER": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def succeeded(self) -> bool:
        return self._process.poll() == 0

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; returns whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.has_ended

    def kill(self) -> None:
        """End it without notice."""
        if not self.has_ended:
            self.signal(signal.SIGKILL)
            self._process.wait(30)
