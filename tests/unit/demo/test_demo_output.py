"""What the demo says where it begins and ends, without running one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from sync_hostaway.core.exceptions import LocalPlatformError
from sync_hostaway.core.settings import get_settings
from sync_hostaway.demo import run as demo
from sync_hostaway.local.access import out
from sync_hostaway.local.simulator_process import DemoSize

README = Path(__file__).resolve().parents[3] / "README.md"


class FakePlatform:
    """One that runs, and says when it is stopped; or one whose demo has run to its end."""

    airflow_url = "http://127.0.0.1:8291"
    admin_password = "hush"

    def __init__(self, *, runs: bool, starts: bool) -> None:
        self.runs, self.starts = runs, starts

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(stopped=not self.runs)

    def stop(self) -> None:
        out.print("(stopped)")

    def start(self, *_: object, **__: object) -> None:
        if not self.starts:
            raise LocalPlatformError("far enough")


def beginning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, runs: bool) -> str:
    """What is said before anything happens to the platform that is there."""
    monkeypatch.setattr(demo, "platform", lambda *_: FakePlatform(runs=runs, starts=False))
    with pytest.raises(LocalPlatformError, match="far enough"):
        demo.run_demo(DemoSize(), keep=False)
    said, stopped, _ = capsys.readouterr().out.partition("(stopped)")
    assert bool(stopped) == runs
    return said


def ending(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, keep: bool) -> str:
    """What is said when all has arrived."""
    monkeypatch.setattr(demo, "platform", lambda *_: FakePlatform(runs=False, starts=True))
    monkeypatch.setattr(demo, "_mirror", lambda *_: True)
    assert demo.run_demo(DemoSize(), keep=keep)
    return capsys.readouterr().out


def test_what_becomes_of_a_running_platform_is_said_before_it_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = beginning(monkeypatch, capsys, runs=True)
    assert "The demo stops it and starts it again" in said
    assert "fresh data" in said
    assert beginning(monkeypatch, capsys, runs=False) == ""


def test_a_server_of_ones_own_does_not_begin_afresh(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOSTAWAY_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HOSTAWAY_ACCOUNTS", "701:hush")
    get_settings.cache_clear()
    said = beginning(monkeypatch, capsys, runs=True)
    assert "The demo stops it and starts it again" in said
    assert "fresh data" not in said
    assert "demo-event" not in ending(monkeypatch, capsys, keep=True)


def test_a_demo_that_is_left_running_says_what_to_do_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ending(monkeypatch, capsys, keep=True)
    assert "http://127.0.0.1:8291" in said
    assert "hostaway.reservations" in said
    assert "sync-hostaway demo-event" in said
    assert "make stop" in said
    assert "'Your own account' in README.md" in said
    assert "## Your own account" in README.read_text(encoding="utf-8")
    assert "(stopped)" not in said


def test_a_demo_that_is_stopped_says_how_to_look_at_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, stopped, said = ending(monkeypatch, capsys, keep=False).partition("(stopped)")
    assert stopped
    assert "make start" in said
    assert "KEEP=1 make demo" in said
