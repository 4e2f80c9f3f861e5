"""Running PostgreSQL as somebody who is not root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sync_hostaway.local import privileges
from sync_hostaway.local.errors import NoUnprivilegedAccount
from sync_hostaway.local.privileges import Runner, find_runner

PROGRAM = Path("/bin/echo")


def test_an_ordinary_user_runs_it_directly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    runner = find_runner(tmp_path, PROGRAM)
    assert runner.command(tmp_path, PROGRAM, "--version") == ["/bin/echo", "--version"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")
def test_root_finds_a_way(tmp_path: Path) -> None:
    # pytest's own directories have mode 0700, so this is the way through directories of root as well.
    runner = find_runner(tmp_path, PROGRAM)
    assert runner.mode in {"account", "capability", "namespace"}
    assert tmp_path.stat().st_uid == runner.owner[0]


def test_root_without_any_way_learns_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    monkeypatch.setattr(privileges, "_candidates", lambda: [Runner("account", 1, 1), Runner("namespace", 1, 1)])
    monkeypatch.setattr(privileges, "_why_not", lambda *_: "refused")
    with pytest.raises(
        NoUnprivilegedAccount, match=r"Tried: account \(refused\); namespace \(refused\).*ordinary user"
    ):
        find_runner(tmp_path, PROGRAM)
