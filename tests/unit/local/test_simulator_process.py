"""A home whose accounts are the simulator's remembers that, so that they never meet the real Hostaway."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from sync_hostaway.core.embedded import simulated_url
from sync_hostaway.core.home import Home
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local import ports, processes
from sync_hostaway.local.simulator_process import NAME, DemoSize, SimulatedApi

SIZE = DemoSize(listings=3, reservations=20, conversations=10)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    home.make()
    return home


def test_a_home_is_not_simulated_until_told_so(home: Home) -> None:
    chosen = SimulatedApi.chosen(home, SIZE)
    assert SimulatedApi.remembered(home) is None
    assert simulated_url(home.root) is None
    chosen.remember()
    assert SimulatedApi.remembered(home) == chosen
    assert simulated_url(home.root) == chosen.url


def test_the_settings_know_it(home: Home) -> None:
    assert get_settings().hostaway_url == "https://api.hostaway.com"
    chosen = SimulatedApi.chosen(home, SIZE)
    chosen.remember()
    # The settings of a test have this home.
    assert get_settings().hostaway_url == chosen.url


def test_it_delivers_to_the_running_airflow_for_any_port_in_the_shell(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    SimulatedApi.chosen(home, SIZE).remember()
    assert get_settings().webhook_base_url == "http://127.0.0.1:8080"
    port = ports.choose(home, "airflow")
    assert get_settings().webhook_base_url == f"http://127.0.0.1:{port}"
    monkeypatch.setenv("AIRFLOW_PORT", "8291")
    get_settings.cache_clear()
    assert get_settings().webhook_base_url == f"http://127.0.0.1:{port}"
    home.ports.unlink()
    assert get_settings().webhook_base_url == "http://127.0.0.1:8291"


def test_an_api_that_was_named_wins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    SimulatedApi.chosen(home, SIZE).remember()
    monkeypatch.setenv("HOSTAWAY_API_URL", "https://api.hostaway.com")
    get_settings.cache_clear()
    assert get_settings().hostaway_url == "https://api.hostaway.com"


def test_the_data_stays_the_same(home: Home) -> None:
    (home.root / "simulator.json").write_text('{"anchor": "2026-01-31"}')
    assert SimulatedApi.chosen(home, SIZE).anchor == "2026-01-31"


@pytest.mark.parametrize("content", ["", "[]", '{"url": 3}', '{"anchor": "2026-01-01"}'])
def test_a_damaged_note_is_none(home: Home, content: str) -> None:
    (home.root / "simulator.json").write_text(content)
    assert SimulatedApi.remembered(home) is None
    assert simulated_url(home.root) is None


def test_a_home_that_cannot_be_read_is_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert simulated_url(tmp_path / "nowhere") is None
    assert simulated_url(tmp_path / "file" / "home") is None
    assert simulated_url(tmp_path / "loop") is None


def test_a_taken_port_is_given_up(home: Home) -> None:
    chosen = SimulatedApi.chosen(home, SIZE)
    with socket.create_server(("127.0.0.1", int(chosen.url.rpartition(":")[2]))):
        moved = chosen.on_free_port()
    assert moved.url != chosen.url
    assert moved.size == chosen.size


def test_it_runs_once_and_keeps_no_secret_of_ours(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTAWAY_ACCOUNTS", "701:hush")
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://u:hush@127.0.0.1/w")
    chosen = SimulatedApi.chosen(home, SIZE)
    try:
        chosen.start()
        process = processes.running(home, NAME)
        assert process is not None
        assert "hush" not in " ".join(process.environ().values())
        assert requests.get(f"{chosen.url}/_control/health", timeout=60).json()["accounts"] == [701, 702]
        chosen.start()
        # Its port is its own: no other process took it.
        assert chosen.on_free_port() == chosen
        assert [found.pid for found in processes.belonging(home)] == [process.pid]
    finally:
        processes.end(processes.belonging(home), 5)
    assert not chosen.process_runs
