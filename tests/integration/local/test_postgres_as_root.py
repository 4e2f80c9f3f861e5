"""PostgreSQL for root, as whom it does not run; `conftest` leaves this out for an ordinary user."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sync_hostaway.local import privileges
from sync_hostaway.local.postgres import EmbeddedPostgres
from sync_hostaway.local.privileges import programs
from sync_hostaway.local.processes import SystemUser

pytestmark = pytest.mark.integration


def test_a_copy_is_mended_and_never_anothers(tmp_path: Path) -> None:
    copy = privileges._copy(tmp_path)
    server = copy / privileges._SERVER / "bin/postgres"
    server.write_bytes(b"cut short")
    (copy / privileges._SERVER / "share/postgresql/postgres.bki").unlink()
    assert privileges._copy(tmp_path) == copy
    assert server.stat().st_size == (programs() / "postgres").stat().st_size
    assert (copy / privileges._SERVER / "share/postgresql/postgres.bki").exists()
    os.chown(copy, 65534, 65534)
    with pytest.raises(PermissionError, match="another user"):
        privileges._copy(tmp_path)
    elsewhere = copy.rename(tmp_path / "elsewhere")
    copy.symlink_to(elsewhere)
    with pytest.raises(PermissionError, match="another user"):
        privileges._copy(tmp_path)


def test_root_needs_three_capabilities(tmp_path: Path) -> None:
    """As in a container that has no others: not even the one to enter every folder, or to signal every process."""
    done = _with_capabilities("-all,+setuid,+setgid,+chown", tmp_path)
    assert done.stdout == "1\n", done.stderr


@pytest.mark.parametrize(("capabilities", "why"), [("-all", "may not become another"), ("-chown", "cannot be given")])
def test_without_them_root_learns_what_to_do(tmp_path: Path, capabilities: str, why: str) -> None:
    done = _with_capabilities(capabilities, tmp_path)
    assert why in done.stderr
    assert "Run as an ordinary user, or give root the capabilities SETUID, SETGID and CHOWN." in done.stderr


def _with_capabilities(capabilities: str, home: Path) -> subprocess.CompletedProcess[str]:
    starts = (
        "import sys, psycopg; from pathlib import Path; from sync_hostaway.local.postgres import EmbeddedPostgres\n"
        "with EmbeddedPostgres(Path(sys.argv[1])) as server, psycopg.connect(server.dsn()) as connection:\n"
        "    print(*connection.execute('select 1').fetchone())\n"
        "assert not server.status().running\n"
    )
    command = ["setpriv", f"--bounding-set={capabilities}", sys.executable, "-c", starts, str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_user_id_without_a_name_is_refused_with_the_way_out() -> None:
    uid = next(number for number in range(54_321, 65_000) if number not in {user.pw_uid for user in pwd.getpwall()})
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder, "home")
        home.mkdir()
        os.chown(home, uid, uid)
        read, write = os.pipe()
        # A child of this process: the user id may not be able to enter the folder of the interpreter, in which the
        # programs are found here.
        privileges.programs()
        if not (child := os.fork()):
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                EmbeddedPostgres(home).start()
            except BaseException as error:  # noqa: BLE001 - reported to the parent
                os.write(write, f"{type(error).__name__}: {error}".encode())
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as said:
            text = said.read()
        assert text.startswith("PostgresFailed"), text
        assert f"the user id {uid}" in text
        assert f"postgres:x:{uid}:" in text
        assert not (home / "postgres/data").exists()


def test_data_changes_hands_when_the_account_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedPostgres(tmp_path) as server:
        before = server.data.stat().st_uid
    other = SystemUser(next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, before)), os.getegid())
    monkeypatch.setattr(privileges, "_account", lambda: other)
    with EmbeddedPostgres(tmp_path) as server:
        assert server.data.stat().st_uid == other.uid
        assert server.is_running()
