"""The operations that are disturbed: what is done before, how it is repeated, and what success must mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chaos.invariants import rows_of_account, tables_holding, unlike_source
from chaos.scene import Scene
from chaos.world import ACCOUNTS
from sync_hostaway import migrations
from sync_hostaway.accounts.registry import add_account
from sync_hostaway.core.exceptions import UnknownGuest, WarehouseBusy
from sync_hostaway.core.resources import Mode
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.transforms import pending_loads, run_transform

Arguments = dict[str, Any]
_ACCOUNT = 701
_TRIES = 4


@dataclass(frozen=True)
class Operation:
    """An operation.

    :param calls: calls to Hostaway that it makes at least.
    :param commits: commits that it makes at least.
    :param seconds: about how long it takes.
    :param prepare: changes the source; returns the arguments.
    :param is_done: whether the work of a process that ended with exit code 0 is done. Checked before anything is
        repeated.
    """

    name: str
    work: str
    calls: int
    commits: int
    seconds: float
    prepare: Callable[[Scene], Arguments]
    is_done: Callable[[Scene, Arguments], bool]
    again: Callable[[Scene, Arguments], None]
    empty_database: bool = False


def _repeat(work: str) -> Callable[[Scene, Arguments], None]:
    """Repeat an operation until it is done, as the retries of a task do."""

    def again(scene: Scene, arguments: Arguments) -> None:
        last: Exception | None = None
        for _ in range(_TRIES):
            try:
                if scene.do(work, arguments):
                    return
            except Exception as error:  # noqa: BLE001 - raised after the last try
                last = error
                time.sleep(0.5)
        raise RuntimeError(f"{work} does not succeed after the fault was lifted, {_TRIES} times: {last}") from last

    return again


# -- syncs, deltas, polls ------------------------------------------------------------------------------------------


def _prepare_sync(mode: Mode) -> Callable[[Scene], Arguments]:
    def prepare(scene: Scene) -> Arguments:
        scene.change_source(_ACCOUNT)
        return {"account": _ACCOUNT, "mode": mode.value, "run_key": f"chaos {scene.name}"}

    return prepare


def _sync_is_complete(scene: Scene, arguments: Arguments) -> bool:
    # An incremental sync finds no deletions; they wait for the next full one.
    with scene.connection() as connection:
        found = unlike_source(scene, connection, _ACCOUNT, landing_only=True)
    return found.missing == 0 and (arguments["mode"] == "incremental" or found.surplus == 0)


def _prepare_delta(scene: Scene) -> Arguments:
    for account in sorted(ACCOUNTS):
        for number in scene.rng.sample(scene.ids("reservations", account), 4):
            scene.receive(account, scene.change_reservation(account, number))
    return {"run_key": f"chaos {scene.name}"}


def _prepare_poll(scene: Scene) -> Arguments:
    for account in sorted(ACCOUNTS):
        scene.change_source(account)
    return {"run_key": f"chaos {scene.name}", "accounts": sorted(ACCOUNTS)}


def _may_leave_events(scene: Scene, arguments: Arguments) -> bool:
    """Events that could not be processed stay pending, and the run succeeds."""
    return True


# -- transforms ----------------------------------------------------------------------------------------------------


def _prepare_transform(scene: Scene) -> Arguments:
    scene.change_source(_ACCOUNT)
    with scene.connection() as connection:
        results = sync_account(connection, _ACCOUNT, Mode.FULL)
    if any(result.has_failed for result in results):
        raise RuntimeError(f"The sync before the transform is not complete: {results}")
    return {"run_key": f"chaos {scene.name}"}


def _is_transformed(scene: Scene, arguments: Arguments) -> bool:
    with scene.connection() as connection:
        if pending_loads(connection):
            return False
        found = unlike_source(scene, connection, _ACCOUNT)
    return found.missing == found.surplus == 0


# -- messages ------------------------------------------------------------------------------------------------------


def _prepare_send(scene: Scene) -> Arguments:
    with scene.connection() as connection:
        row = connection.execute(
            "select reservation_id from hostaway.conversations where account_id = %s and reservation_id is not null"
            " and not is_deleted order by reservation_id offset %s limit 1",
            [_ACCOUNT, scene.rng.randrange(10)],
        ).fetchone()
    scene.sent = f"Chaos {scene.name}: your room is ready."
    scene.messages_before = frozenset(scene.ids("messages", _ACCOUNT))
    reservation_id = row["reservation_id"] if row else 0
    return {"account": _ACCOUNT, "key": f"chaos-{scene.name}", "reservation_id": reservation_id, "text": scene.sent}


def _is_sent(scene: Scene, arguments: Arguments) -> bool:
    return scene.times_sent() == 1


def _send_again(scene: Scene, arguments: Arguments) -> None:
    # What a host application does. `unknown` is a valid end: the message may or may not have been sent.
    for _ in range(_TRIES):
        with suppress(Exception):
            if scene.do("send", arguments):
                return
        time.sleep(0.5)
    with scene.connection() as connection:
        row = connection.execute(
            "select state from ops.outbox where idempotency_key = %s", [arguments["key"]]
        ).fetchone()
    if row is None or row["state"] not in ("sent", "unknown", "failed"):
        raise RuntimeError(f"The message is not settled after the fault was lifted: {row}")


# -- erasures and purges -------------------------------------------------------------------------------------------


def _prepare_erase(scene: Scene) -> Arguments:
    with scene.connection() as connection:
        guests = connection.execute(
            "select guest_id, email, phone from hostaway.guests where account_id = %s and not is_deleted"
            " and email like '%%@%%' order by guest_id",
            [_ACCOUNT],
        ).fetchall()
        guest = scene.rng.choice(guests)
        rows = connection.execute(
            "select reservation_id from hostaway.reservation_guests where account_id = %s and guest_id = %s",
            [_ACCOUNT, guest["guest_id"]],
        ).fetchall()
        scene.kept = frozenset(row["reservation_id"] for row in rows)
        shared = {each["email"] for each in guests if each["guest_id"] != guest["guest_id"]}
    scene.erased = [guest["email"]] if guest["email"] not in shared else []
    scene.change_source(_ACCOUNT)
    return {"account": _ACCOUNT, "guest_id": guest["guest_id"]}


def _is_erased(scene: Scene, arguments: Arguments) -> bool:
    with scene.connection() as connection:
        return not tables_holding(connection, scene.erased)


def _erase_again(scene: Scene, arguments: Arguments) -> None:
    last: Exception | None = None
    for _ in range(_TRIES):
        try:
            scene.do("erase", arguments)
        except UnknownGuest:
            # The first attempt has erased the guest; the invariants show whether that is true.
            return
        except WarehouseBusy as error:
            # Its message asks for a transform.
            last = error
            with scene.connection() as connection:
                run_transform(connection, requested_by="chaos")
        else:
            return
    raise RuntimeError(f"The guest cannot be erased after the fault was lifted: {last}")


def _prepare_purge(scene: Scene) -> Arguments:
    scene.change_source(_ACCOUNT)
    scene.accounts.discard(702)
    return {"account": 702}


def _is_purged(scene: Scene, arguments: Arguments) -> bool:
    with scene.connection() as connection:
        return rows_of_account(connection, 702) == 0


# -- migrations ----------------------------------------------------------------------------------------------------


def _prepare_migrate(scene: Scene) -> Arguments:
    return {}


def _is_migrated(scene: Scene, arguments: Arguments) -> bool:
    with scene.connection() as connection:
        return migrations.revision(connection) == migrations.head()


def _migrate_again(scene: Scene, arguments: Arguments) -> None:
    _repeat("migrate")(scene, arguments)
    with scene.connection() as connection:
        for account, secret in ACCOUNTS.items():
            add_account(connection, account, secret)


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("sync", "sync", 24, 20, 2.0, _prepare_sync(Mode.FULL), _sync_is_complete, _repeat("sync")),
        Operation(
            "sync_incremental", "sync", 6, 8, 2.0, _prepare_sync(Mode.INCREMENTAL), _sync_is_complete, _repeat("sync")
        ),
        Operation("delta", "delta", 8, 6, 2.0, _prepare_delta, _may_leave_events, _repeat("delta")),
        Operation("poll", "poll", 5, 6, 2.0, _prepare_poll, _may_leave_events, _repeat("poll")),
        Operation("transform", "transform", 0, 8, 5.0, _prepare_transform, _is_transformed, _repeat("transform")),
        Operation("send", "send", 2, 3, 0.0, _prepare_send, _is_sent, _send_again),
        Operation("erase", "erase", 0, 1, 1.0, _prepare_erase, _is_erased, _erase_again),
        Operation("purge", "purge", 0, 3, 1.5, _prepare_purge, _is_purged, _repeat("purge")),
        Operation(
            "migrate", "migrate", 0, 60, 0.0, _prepare_migrate, _is_migrated, _migrate_again, empty_database=True
        ),
    )
}
