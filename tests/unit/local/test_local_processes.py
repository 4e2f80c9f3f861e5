"""Process records: a pid alone proves nothing; the environment finds what no record names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sync_hostaway.core.home import Home, write_json
from sync_hostaway.local import processes

WAITS_FOR_ITS_INPUT = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
# Ignores SIGTERM, prints that, and has a child in a session of its own.
STUBBORN = [
    sys.executable,
    "-S",
    "-c",
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "os.fork() or os.setsid()\n"
    "os.write(1, b'x')\n"
    "time.sleep(60)",
]
# Has a child in its session, and in a process group of its own, as Airflow's tasks are.
STUBBORN_IN_ITS_SESSION = [
    sys.executable,
    "-S",
    "-c",
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if not (child := os.fork()):\n"
    "    os.setpgid(0, 0)\n"
    "    time.sleep(60)\n"
    "print(child, flush=True)\n"
    "time.sleep(60)",
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.make()
    return home


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(WAITS_FOR_ITS_INPUT, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_recorded_process_is_found_until_it_ends(home: Home, child: subprocess.Popen[bytes]) -> None:
    processes.write_record(home, "scheduler", child.pid)
    found = processes.running(home, "scheduler")
    assert found is not None
    assert found.pid == child.pid
    processes.end([found], timeout=5)
    assert processes.running(home, "scheduler") is None


def test_a_zombie_does_not_run(home: Home, child: subprocess.Popen[bytes]) -> None:
    processes.write_record(home, "scheduler", child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.running(home, "scheduler") is None


def test_a_reused_pid_is_another_process(home: Home, child: subprocess.Popen[bytes]) -> None:
    record = processes.write_record(home, "scheduler", child.pid)
    write_json(home.run / "scheduler.json", {"pid": record.pid, "created": record.created - 60})
    assert processes.running(home, "scheduler") is None


@pytest.mark.parametrize("content", ["", "{}", '{"pid": "x", "created": 1}', "[]"])
def test_a_broken_record_is_none(home: Home, content: str) -> None:
    (home.run / "scheduler.json").write_text(content)
    assert processes.running(home, "scheduler") is None


def test_what_a_killed_process_left_in_its_session_is_found_without_its_environment(home: Home) -> None:
    """As without root, who may not read the environment of Airflow's tasks."""
    with subprocess.Popen(STUBBORN_IN_ITS_SESSION, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        processes.write_record(home, "scheduler", leader.pid)
        child = int(leader.stdout.readline())
        assert {process.pid for process in processes.belonging(home)} == {leader.pid, child}
        leader.kill()
        leader.wait()
        assert [process.pid for process in processes.session(home, "scheduler")] == [child]
        assert [process.pid for process in processes.belonging(home)] == [child]
        processes.end(processes.belonging(home), timeout=0.1)
        assert processes.belonging(home) == []


def test_after_a_reboot_a_session_of_that_number_is_another_one(home: Home) -> None:
    with subprocess.Popen(STUBBORN_IN_ITS_SESSION, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        processes.write_record(home, "scheduler", leader.pid)
        child = psutil.Process(int(leader.stdout.readline()))
        leader.kill()
        leader.wait()
        booted = psutil.Process(1).create_time()
        write_json(home.run / "scheduler.json", {"pid": leader.pid, "created": booted - 60})
        assert processes.belonging(home) == []
        child.kill()


def test_the_session_of_a_reused_pid_is_another_one(home: Home) -> None:
    with subprocess.Popen(WAITS_FOR_ITS_INPUT, stdin=subprocess.PIPE, start_new_session=True) as other:
        record = processes.write_record(home, "scheduler", other.pid)
        write_json(home.run / "scheduler.json", {"pid": record.pid, "created": record.created - 60})
        assert processes.belonging(home) == []
        other.kill()


def test_marked_processes_are_found_and_made_to_end(home: Home, tmp_path: Path) -> None:
    environment = {**os.environ, processes.MARKER: str(home.root)}
    other = {**os.environ, processes.MARKER: str(tmp_path / "other")}
    with (
        subprocess.Popen(STUBBORN, env=environment, stdout=subprocess.PIPE) as ours,
        subprocess.Popen(WAITS_FOR_ITS_INPUT, env=other, stdin=subprocess.PIPE) as theirs,
    ):
        assert ours.stdout is not None
        assert ours.stdout.read(2) == b"xx"
        found = processes.belonging(home)
        assert len(found) == 2
        processes.end(found, timeout=0.1)
        assert processes.belonging(home) == []
        assert theirs.poll() is None
        theirs.kill()


def test_the_calling_process_is_spared(home: Home) -> None:
    asks = (
        "import sys; from pathlib import Path\n"
        "from sync_hostaway.core import home; from sync_hostaway.local import processes\n"
        "print(processes.belonging(home.Home.at(Path(sys.argv[1]))))"
    )
    environment = {**os.environ, processes.MARKER: str(home.root)}
    answer = subprocess.run(
        [sys.executable, "-c", asks, str(home.root)], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
