"""`sync-hostaway sync` as the person in front of it sees it: bars that tell the truth, and an end with Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sync_hostaway.core.db import Connection
from sync_hostaway.core.resources import Mode, Resource
from sync_hostaway.extract.engine import sync_account
from sync_hostaway.simulator import RunningSimulator
from waiting import eventually

pytestmark = pytest.mark.integration

# A commit after each thread that took its time, and Ctrl-C as in a terminal: what runs in the background ignores it.
CODE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from sync_hostaway.extract import per_parent
from sync_hostaway.cli.main import app
per_parent._SECONDS_PER_COMMIT = 0
app()
"""
MESSAGES = ["sync", "--account", "701", "--mode", "full", "--resource", "messages"]


def start(*arguments: str, **streams: Any) -> subprocess.Popen[str]:
    surroundings = {**os.environ, "AIRFLOW__HOSTAWAY__CONCURRENCY": "2", "TERM": "xterm", "COLUMNS": "80"}
    return subprocess.Popen([sys.executable, "-c", CODE, *arguments], env=surroundings, text=True, **streams)


def on_a_terminal(*arguments: str) -> str:
    """What a command writes to a terminal of 80 columns that shows its stderr."""
    master, slave = pty.openpty()
    process = start(*arguments, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65_536):
            shown += chunk
    except OSError:
        pass  # the terminal is closed
    os.close(master)
    assert process.wait(timeout=60) == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.fixture
def slow_messages(warehouse: Connection, account: int, simulator: RunningSimulator) -> int:
    """An account whose 40 conversations take their time."""
    sync_account(warehouse, account, Mode.FULL, [Resource.CONVERSATIONS])
    simulator.control.fault("slow", match={"path": "/messages"}, times=0, seconds=0.1)
    return account


def test_the_bar_counts_conversations_and_nothing_is_written_through_it(
    slow_messages: int, simulator: RunningSimulator
) -> None:
    simulator.control.fault("status_429", match={"path": "/messages"}, after=4, times=3, retry_after=0.1)
    shown = on_a_terminal(*MESSAGES)
    read = [int(number) for number in re.findall(r"(\d+)/40 conversations, \d+ rows?", shown)]
    assert read == sorted(read)
    assert len({number for number in read if 0 < number < 40}) >= 5
    assert read[-1] == 40
    assert "3 throttled" in shown
    assert "hostaway_retry" not in shown
    assert re.search(r"[1-9]/40 conversations.* 0:00:0\d (0:00:0[1-9]|-:--:--)", shown)


def test_log_lines_that_were_asked_for_stand_above_the_bars(slow_messages: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("status_429", match={"path": "/messages"}, after=4, times=1, retry_after=0.1)
    shown = on_a_terminal("--verbose", *MESSAGES)
    assert "hostaway_retry" in shown
    assert "sync_finished" in shown
    assert not [
        line for line in shown.splitlines() if "/40 conversations" in line.rpartition("\r")[2] and "[info" in line
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sync_names_what_stays_and_resumes_with_the_same_command(
    warehouse: Connection, slow_messages: int, simulator: RunningSimulator, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, and the signal with which containers and services are stopped."""
    # After some conversations, each takes so long that the sync cannot finish during the test.
    simulator.control.fault("slow", match={"path": "/messages"}, after=10, times=0, seconds=3)
    said = tmp_path / "said"
    with said.open("w") as file:
        process = start(*MESSAGES, stdout=file, stderr=file)

    def some_conversations_have_landed() -> bool:
        assert process.poll() is None, said.read_text()
        # The sync log tells of them while the sync runs.
        return bool(warehouse.execute("select from ops.sync_runs where status = 'running' and rows_seen > 8").rowcount)

    eventually(some_conversations_have_landed)
    process.send_signal(number)
    assert process.wait(timeout=100) == 130
    *_, last = said.read_text().splitlines()
    assert last.startswith("Interrupted. All rows that landed are kept.")
    finished = len(warehouse.execute("select from ops.conversation_reads").fetchall())
    assert 0 < finished < 40
    assert warehouse.execute("select from landing.messages").rowcount
    simulator.control.clear_faults()
    (result,) = sync_account(warehouse, slow_messages, Mode.FULL, [Resource.MESSAGES])
    assert (result.status, result.api_calls) == ("complete", 40 - finished)
