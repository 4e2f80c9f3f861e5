"""A few faults of `make chaos`; and what it must find when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from random import Random
from typing import LiteralString

import pytest
from chaos.faults import all_faults
from chaos.invariants import Findings, check
from chaos.operations import OPERATIONS
from chaos.plan import plan
from chaos.rounds import Outcome, run
from chaos.scene import Scene
from chaos.world import World

pytestmark = pytest.mark.integration

FAULTS = all_faults(can_fill_disk=False, can_move_clock=False)
SEED = 1
# Of the seed's rounds, the first of each pair: one per operation, and one per part.
PAIRS = [
    ("sync", "process", "killed"),
    ("delta", "PostgreSQL", "killed"),
    ("transform", "PostgreSQL", "sessions ended"),
    ("send", "process", "killed"),
    ("erase", "process", "started twice"),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.mark.parametrize(("operation", "part", "fault"), PAIRS)
def test_after_a_fault_the_tables_are_like_the_source(world: World, operation: str, part: str, fault: str) -> None:
    each = next(
        each
        for each in plan(SEED, FAULTS, count(1))
        if (each.operation.name, each.fault.part, each.fault.name) == (operation, part, fault)
    )
    outcome = run(world, each)
    assert outcome.is_clean, outcome


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    world.reset_source(clock=False)
    with world.database() as dsn:
        scene = Scene(world, dsn, "planted", Random(1))
        yield scene
        scene.close()


PLANTED: dict[LiteralString, tuple[str, int]] = {
    "delete from hostaway.messages where message_id = (select min(message_id) from hostaway.messages)": ("lost", 1),
    "delete from landing.reviews where entity_id = (select min(entity_id) from landing.reviews)": ("lost", 1),
    'update landing.reservations set payload = payload || \'{"updatedOn": "2020-01-01 00:00:00"}\''
    " where entity_id = (select min(entity_id) from landing.reservations)": ("lost", 1),
    "update hostaway.reservations set account_id = 702 where reservation_id = (select min(reservation_id)"
    " from hostaway.reservations where account_id = 701)": ("foreign", 1),
    "insert into ops.loads (account_id, resource) select account_id, resource from ops.loads limit 1": ("lost", 1),
}


@pytest.mark.parametrize("statement", PLANTED)
def test_what_is_wrong_is_found(scene: Scene, statement: LiteralString) -> None:
    with scene.connection() as connection:
        assert connection.execute(statement).rowcount == 1
    what, number = PLANTED[statement]
    findings = check(scene)
    assert getattr(findings, what) == number, findings.notes
    assert findings.notes


def test_a_mirror_like_its_source_is_clean(scene: Scene) -> None:
    assert check(scene) == Findings()


def test_a_change_that_never_arrived_is_found(scene: Scene) -> None:
    scene.change_source(701)
    findings = check(scene)
    # A changed reservation counts twice: its version, and the value that its row must show.
    assert findings.lost >= 5
    assert findings.foreign >= 1


def test_erased_data_rows_of_purged_accounts_and_double_messages_are_found(scene: Scene) -> None:
    with scene.connection() as connection:
        guest = connection.execute("select email from hostaway.guests where email like '%@%' limit 1").fetchone()
        conversation = connection.execute("select conversation_id from hostaway.conversations limit 1").fetchone()
    assert guest
    assert conversation
    scene.erased = [guest["email"]]
    scene.accounts.discard(702)
    scene.sent, scene.messages_before = "twice", frozenset(scene.ids("messages", 701))
    for _ in range(2):
        fields = {"conversationId": scene.ids("conversations", 701)[0], "body": "twice", "isIncoming": 0}
        scene.control.create("messages", fields, account_id=701)
    findings = check(scene)
    assert findings.kept >= 2
    assert findings.foreign > 100
    assert findings.double_sends == 1


def test_a_round_can_be_repeated_by_seed_and_number() -> None:
    def shown(seed: int, numbers: list[int]) -> list[str]:
        return [str(each) for each in plan(seed, FAULTS, numbers)]

    everything = shown(7, list(range(1, 201)))
    assert everything == shown(7, list(range(1, 201)))
    assert shown(7, [42]) == [everything[41]]
    assert everything != shown(8, list(range(1, 201)))


def test_every_fault_strikes_every_operation_that_it_fits() -> None:
    pairs = {
        (operation.name, fault.part, fault.name)
        for operation in OPERATIONS.values()
        for fault in FAULTS
        if fault.fits(operation.work, calls=operation.calls)
    }
    planned = plan(3, FAULTS, range(1, len(pairs) + 1))
    assert {(each.operation.name, each.fault.part, each.fault.name) for each in planned} == pairs


@pytest.mark.parametrize(("lost", "exit_code"), [(0, 0), (1, 1)])
def test_the_exit_code_and_the_command_that_repeats(tmp_path: Path, lost: int, exit_code: int) -> None:
    results = tmp_path / "results.json"
    findings = asdict(Findings(lost=lost))
    outcome = Outcome(13, "sync", "process", "killed", "call 3", True, -9, 1.5, findings)
    results.write_text(json.dumps([asdict(outcome)]))
    done = subprocess.run(
        [sys.executable, "-m", "chaos"],
        env={**os.environ, "SEED": "5", "ROUNDS": "0", "PLATFORM": "0", "RESULTS": str(results)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == exit_code, done.stderr
    assert ("make chaos SEED=5 ONLY=13" in done.stdout) == bool(lost)
