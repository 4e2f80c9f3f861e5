"""State directory: private files, replaced at once, and errors that name the way out."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from airflow._shared.module_loading import find_path_from_directory
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.accounts.snapshot import write_snapshot
from sync_hostaway.core import home as home_module
from sync_hostaway.core.embedded import listening_port
from sync_hostaway.core.exceptions import HomeNotUsable
from sync_hostaway.core.files import keep_owner_rights, make_private, make_unwritable
from sync_hostaway.core.home import Home, open_log, read_json, tail, write_json
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.core.settings import get_settings
from sync_hostaway.local import ports
from sync_hostaway.transforms import ensure_manifest


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_are_private(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.make()
    assert {mode(path) for path in (home.root, home.airflow, home.logs, home.run, home.tmp)} == {0o700}


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


NAMES = ("logs", "tmp", "run", "airflow", "postgres", "secrets.json", "accounts.json", ".airflowignore", "dbt", "x.py")


@given(st.sets(st.sampled_from(NAMES), min_size=1), st.booleans())
def test_a_folder_with_entries_of_the_same_names_is_refused_and_left_alone(names: set[str], as_links: bool) -> None:
    with TemporaryDirectory() as folder, TemporaryDirectory() as elsewhere:
        root = Path(folder)
        root.chmod(0o750)
        for name in names:
            real = (Path(elsewhere) if as_links else root) / name
            if real.suffix in (".json", ".py") or name == ".airflowignore":
                real.write_text('{"of": "the user"}')
            else:
                (real / "of the user").mkdir(parents=True)
            if as_links:
                (root / name).symlink_to(real)
        before = sorted(path for top in (root, Path(elsewhere)) for path in top.rglob("*"))
        home = Home.at(root)
        with pytest.raises(HomeNotUsable, match=r"sync-hostaway did not create .*SYNC_HOSTAWAY_HOME"):
            home.make()
        with pytest.raises(HomeNotUsable), home.locked("platform"):
            pass
        assert home.remove() == []
        assert sorted(path for top in (root, Path(elsewhere)) for path in top.rglob("*")) == before
        assert mode(root) == 0o750


def test_the_root_folder_is_no_home() -> None:
    with pytest.raises(HomeNotUsable, match="run, tmp"):
        Home.at(Path("/")).make()


def test_removing_a_home_leaves_what_is_not_ours(tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere"
    (kept / "data").mkdir(parents=True)
    root = tmp_path / "home"
    (root / "of the user").mkdir(parents=True)
    home = Home.at(root)
    home.make()
    home.postgres.symlink_to(kept)
    (home.tmp / "scratch").touch()
    nested = Home.at(root / "mine")
    nested.make()
    assert home.remove() == [root / "mine", root / "of the user"]
    assert (kept / "data").exists()
    assert nested.run.exists()
    assert sorted(path.name for path in root.iterdir()) == ["mine", "of the user"]


def test_removing_a_home_of_our_own_removes_it_all(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    Secrets.ensure(home)
    assert home.remove() == []
    assert not home.root.exists()


def test_a_home_from_before_there_was_a_marker_is_ours(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    before = Secrets.ensure(home)
    (home.root / ".sync-hostaway").unlink()
    home.make()
    assert (home.root / ".sync-hostaway").exists()
    assert Secrets.ensure(home) == before


def test_a_folder_with_the_state_of_other_commands_becomes_a_home(tmp_path: Path) -> None:
    for folder in ("manifests", "target", "logs"):
        (tmp_path / "dbt" / folder).mkdir(parents=True)
    write_snapshot(tmp_path / "accounts.json", [])
    Home.at(tmp_path).make()
    assert (tmp_path / ".sync-hostaway").exists()


def test_the_home_of_an_unknown_user_is_named() -> None:
    with pytest.raises(HomeNotUsable, match="no_such_user"):
        Home.at(Path("~no_such_user/x"))


def test_nothing_in_a_home_can_be_written_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "parent" / "home"
    monkeypatch.setenv("SYNC_HOSTAWAY_HOME", str(root))
    get_settings.cache_clear()
    (tmp_path / "parent").mkdir()
    before = os.umask(0)
    try:
        (root / "deeper").parent.mkdir(mode=0o755)
        home = Home.at(root)
        Secrets.ensure(home)
        ports.choose(home, "postgres")
        write_snapshot(root / "accounts.json", [])
        ensure_manifest()
    finally:
        os.umask(before)
    assert [path for path in (root, *root.rglob("*")) if mode(path) & 0o022] == []


@pytest.mark.parametrize(("make", "last"), [(make_private, 0o700), (make_unwritable, 0o755)])
def test_missing_parents_are_private_as_well(tmp_path: Path, make: Callable[[Path], None], last: int) -> None:
    before = os.umask(0)
    try:
        make(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert [mode(path) for path in sorted((tmp_path / "a").rglob("*"))] == [0o700, last]
    assert mode(tmp_path / "a") == 0o700


def test_a_folder_that_others_may_write_to_is_closed(tmp_path: Path) -> None:
    (tmp_path / "dbt").mkdir()
    (tmp_path / "dbt").chmod(0o777)
    make_unwritable(tmp_path / "dbt")
    assert mode(tmp_path / "dbt") == 0o755


def test_airflow_finds_no_dags_in_a_home(tmp_path: Path) -> None:
    """Nor the links in its own logs, for which it gives up: they lead to a folder that it has seen."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "speak.py").touch()
    home = Home.at(tmp_path / "state")
    home.make()
    (home.airflow / "logs" / "2026-11-28").mkdir(parents=True)
    (home.airflow / "logs" / "latest").symlink_to("2026-11-28")
    (home.airflow / "x.py").touch()
    assert list(find_path_from_directory(tmp_path, ".airflowignore")) == [str(tmp_path / "dags" / "speak.py")]


def test_a_folder_whose_name_is_no_text_hides_no_port(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    (home.postgres / "data").mkdir(parents=True)
    (home.postgres / "data" / "postmaster.pid").write_bytes(b"1\n/srv/h\xf6me/data\n1\n5433\n")
    assert listening_port(home) == 5433


@pytest.mark.parametrize(("given_mask", "kept"), [(0o777, 0o077), (0o277, 0o077), (0o022, 0o022), (0o000, 0o000)])
def test_a_umask_does_not_keep_a_user_from_own_files(given_mask: int, kept: int) -> None:
    before = os.umask(given_mask)
    try:
        keep_owner_rights()
    finally:
        found = os.umask(before)
    assert found == kept
