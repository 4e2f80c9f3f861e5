"""`sync-hostaway local logs`: what each process wrote last, and what it writes now."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sync_hostaway.cli.main import app
from sync_hostaway.core.home import Home, open_log
from sync_hostaway.local.logs import Follower, printable


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.make()
    home.log("scheduler").write_text("one\ntwo\nthree\n")
    home.log("postgres").write_text("ready\n")
    return home


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["local", "logs", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_components_by_name(home: Home) -> None:
    assert shown() == "postgres  | ready\nscheduler | one\nscheduler | two\nscheduler | three\n"


def test_one_component_as_it_is(home: Home) -> None:
    assert shown("scheduler", "--lines", "2") == "two\nthree\n"


def test_an_unknown_component_is_answered_with_those_there_are(home: Home) -> None:
    result = CliRunner().invoke(app, ["local", "logs", "sheduler"])
    assert result.exit_code == 1
    assert "postgres, scheduler" in result.stderr


def test_what_is_added_is_shown_once_and_whole(home: Home) -> None:
    path = home.log("scheduler")
    follower = Follower([path, home.log("triggerer")])
    assert list(follower.added()) == []
    with path.open("a") as log:
        log.write("four\nfi")
        log.flush()
        assert [line for _, line in follower.added()] == ["four"]
        log.write("ve\n")
    assert [line for _, line in follower.added()] == ["five"]
    home.log("triggerer").write_text("began\n")
    os.close(open_log(path, limit=1))
    path.write_text("a new log\n")
    assert [line for _, line in follower.added()] == ["a new log", "began"]


def test_follow_ends_with_ctrl_c(home: Home) -> None:
    command = [str(Path(sys.executable).with_name("sync-hostaway")), "local", "logs", "scheduler", "-f", "-n", "1"]
    # A test run in the background inherits that its children ignore Ctrl-C.
    obeys = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", obeys, *command], stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "three\n"
        with home.log("scheduler").open("a") as log:
            log.write("four\n")
        assert follower.stdout.readline() == "four\n"
        follower.send_signal(signal.SIGINT)
    assert follower.returncode in (0, 130)


@given(st.text())
def test_nothing_in_a_log_commands_the_terminal(text: str) -> None:
    assert all(character.isprintable() or character == "\t" for character in printable(text))
