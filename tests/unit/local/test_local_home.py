"""State directory: private files, replaced at once, and errors that name the way out."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from sync_hostaway.local import home as home_module
from sync_hostaway.local.errors import HomeNotUsable
from sync_hostaway.local.home import Home, open_log, read_json, tail, write_json


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_are_private(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.make()
    # As root, PostgreSQL's account passes through; nobody lists it.
    assert mode(home.root) == (0o711 if os.geteuid() == 0 else 0o700)
    assert {mode(path) for path in (home.airflow, home.logs, home.run, home.tmp)} == {0o700}


def test_the_example_of_an_env_file_leaves_the_home_of_the_shell_alone() -> None:
    example = Path(__file__).resolve().parents[3] / ".env.example"
    script = f'set -a; . "{example}"; echo "$SYNC_HOSTAWAY_HOME $AIRFLOW_PORT"'
    environment = {**os.environ, "SYNC_HOSTAWAY_HOME": ".local/mine", "AIRFLOW_PORT": "8291"}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [".local/mine", "8291"]


def test_path_is_absolute_and_free_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert Home.at(Path("link")).root == tmp_path.resolve() / "real"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeNotUsable, match=r"home cannot be used.*SYNC_HOSTAWAY_HOME"):
        Home.at(tmp_path / "home").make()


def test_a_full_disk_is_noticed_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(HomeNotUsable, match="MB are free on the disk"):
        Home.at(tmp_path).prepare()


def test_json_is_private_and_survives_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    path.write_text('{"a"')
    assert read_json(path) == {}
    assert read_json(tmp_path / "none.json") == {}


def test_unwritable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HomeNotUsable, match=r"nowhere/file\.json cannot be written"):
        write_json(tmp_path / "nowhere" / "file.json", {})


def test_tail_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert tail(path) == "(no log)"
    path.write_text("\n".join(str(number) for number in range(100)))
    assert tail(path, 3) == "97\n98\n99"


def test_a_large_log_is_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("old" * 10)
    os.close(open_log(path, limit=10))
    assert path.read_text() == ""
    assert path.with_name("x.log.1").read_text() == "old" * 10
