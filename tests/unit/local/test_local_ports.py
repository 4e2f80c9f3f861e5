"""Ports: remembered, given up to others, and refused with the holder's name."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from sync_hostaway.core.embedded import HOST, airflow_port, remembered_port
from sync_hostaway.core.exceptions import HomeNotUsable
from sync_hostaway.core.home import Home
from sync_hostaway.local import ports
from sync_hostaway.local.errors import PortTaken


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.make()
    return home


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_is_remembered(home: Home) -> None:
    port = ports.choose(home, "postgres")
    assert ports.choose(home, "postgres") == port == remembered_port(home, "postgres")
    assert ports.choose(home, "airflow") != port


def test_a_port_of_another_program_is_not_used(home: Home) -> None:
    said: list[str] = []
    port = ports.choose(home, "postgres")
    with socket.socket() as server:
        server.bind((HOST, port))
        server.listen()
        other = ports.choose(home, "postgres", said.append)
    assert other != port
    assert len(said) == 1
    assert f"Port {port} of postgres is now taken by process {os.getpid()}" in said[0]
    assert remembered_port(home, "postgres") == other


def test_a_port_asked_for_is_refused_with_its_holder(home: Home, listener: int) -> None:
    with pytest.raises(PortTaken, match=rf"Port {listener} is taken by .*{os.getpid()}.*AIRFLOW_PORT=\d+"):
        ports.require(home, "airflow", listener, "AIRFLOW_PORT")


def test_an_unknown_port_is_none(home: Home) -> None:
    assert remembered_port(home, "airflow") is None


def test_a_home_that_cannot_be_read_has_no_airflow(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for unreadable in ("nowhere", "file/home", "loop"):
        assert airflow_port(tmp_path / unreadable) is None


def test_a_port_that_is_just_being_left_is_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    port = ports.choose(home, "airflow")
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((HOST, port))
    server.listen()
    # Another process frees it during the wait, and the clock of the test stands still.
    monkeypatch.setattr(ports, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: server.close()))
    assert ports.choose(home, "airflow") == port


def test_a_port_of_root_is_not_called_taken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", lambda: nullcontext(SimpleNamespace(bind=refuse)))
    monkeypatch.setattr(ports, "_free_port", lambda _: 8081)
    with pytest.raises(PortTaken, match=r"Port 80 may be used by root only.*AIRFLOW_PORT=8081"):
        ports.require(home, "airflow", 80, "AIRFLOW_PORT")


def test_a_home_that_is_not_ours_gets_no_ports(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    home = Home.at(tmp_path)
    with pytest.raises(HomeNotUsable):
        ports.choose(home, "postgres")
    with pytest.raises(HomeNotUsable):
        ports.require(home, "airflow", 8123, "X")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
