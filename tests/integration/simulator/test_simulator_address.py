"""An address that the simulator cannot use is named in one line, with the way out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "command": [str(Path(sys.executable).with_name("sync-hostaway")), "simulator"],
    "module": [sys.executable, "-m", "sync_hostaway.simulator"],
}


def refused(command: list[str], *arguments: str) -> str:
    words = [*command, *arguments, "--listings", "1", "--reservations", "0"]
    if os.geteuid() == 0:
        words = ["setpriv", "--bounding-set=-net_bind_service", *words]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "COLUMNS": "200"}
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_taken_port_is_named(command: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(command, "--port", str(port))
    assert f"port {port} on 127.0.0.1 is taken; name another one, or 0" in said
    assert "--port" in said


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a" * 300, "not a host"])
def test_a_bad_host_is_named(host: str) -> None:
    said = refused(COMMANDS["module"], "--host", host, "--port", "0")
    assert "--host" in said
    assert "is not an address of this machine; use 127.0.0.1" in said


def test_a_missing_folder_of_the_ready_file_is_named(tmp_path: Path) -> None:
    assert "there is no folder" in refused(COMMANDS["module"], "--port", "0", "--ready-file", str(tmp_path / "x" / "y"))


def test_a_port_of_root_is_named() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 79:
        return  # a container that lets everybody listen there
    assert "port 79 may be used by root only" in refused(COMMANDS["module"], "--port", "79")
