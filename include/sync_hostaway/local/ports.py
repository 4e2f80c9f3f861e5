"""Ports on 127.0.0.1: chosen once per home, stored, and checked before use."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress

import psutil

from sync_hostaway.core.embedded import HOST
from sync_hostaway.core.home import Home, read_json, write_json
from sync_hostaway.local.echo import Echo, no_output
from sync_hostaway.local.errors import PortTaken

# Below the range of ports for outgoing connections on Linux and macOS, which are sometimes in use.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT counts as free, a port with a listener does not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_for_root(port: int) -> bool:
    """Return whether the user may not listen on the port. Linux reserves ports below 1024 for root."""
    with socket.socket() as probe, suppress(OSError):
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return True
    return False


def becomes_free(port: int) -> bool:
    """Return whether the port becomes free within a second: a killed process may need a moment to end."""
    deadline = time.monotonic() + 1
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def holder(port: int) -> str:
    """Return a description of the process that listens on a port. Only root can see processes of other users."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens_there = connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", None) == port
            if listens_there and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return "another process"


def choose(home: Home, name: str, echo: Echo = no_output) -> int:
    """Return the port of a server of this home: the stored one, or another if a foreign process uses it."""
    home.make()
    remembered = read_json(home.ports)
    port = remembered.get(name)
    if isinstance(port, int):
        if becomes_free(port):
            return port
        echo(f"Port {port} of {name} is now taken by {holder(port)}; using another one.")
    port = _free_port(avoid={value for value in remembered.values() if isinstance(value, int)})
    write_json(home.ports, {**remembered, name: port})
    return port


def require(home: Home, name: str, port: int, setting: str) -> int:
    """Check a port that a setting names.

    :raises PortTaken: names the setting to change, and the process that uses the port.
    """
    if is_for_root(port):
        raise PortTaken(f"Port {port} may be used by root only. Choose another port: {setting}={_free_port({port})}.")
    if not becomes_free(port):
        raise PortTaken(
            f"Port {port} is taken by {holder(port)}. Stop it, or choose another port: {setting}={_free_port({port})}."
        )
    home.make()
    write_json(home.ports, {**read_json(home.ports), name: port})
    return port


def _free_port(avoid: set[int]) -> int:
    for _ in range(200):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - spreads homes apart, protects nothing
        if port not in avoid and is_free(port):
            return port
    raise PortTaken(f"No free port found between {_FIRST} and {_LAST} on {HOST}.")
