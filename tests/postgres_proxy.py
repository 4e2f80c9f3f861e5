"""What may stand between a client and PostgreSQL: an end of TLS, a Unix socket, a connection pooler.

The pooler does what PgBouncer does in the points that matter: it answers the client's startup itself, refuses startup
parameters that it does not know, gives libpq an invented process id, and lends sessions of the server, which it
resets only where a session ends with its client.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psycopg

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
KNOWN = {
    "user",
    "database",
    "client_encoding",
    "datestyle",
    "timezone",
    "standard_conforming_strings",
    "application_name",
}
TOLD = (
    "server_version",
    "server_encoding",
    "client_encoding",
    "in_hot_standby",
    "standard_conforming_strings",
    "DateStyle",
)


@contextmanager
def tls_end(server_port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Speaks TLS with clients and none with the server; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    with _served(listener, lambda client: _relay(client, server_port, context)):
        yield listener.getsockname()[1]


@contextmanager
def ipv6(server_port: int) -> Iterator[int]:
    """The server on the address ::1; gives its port there."""
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    with _served(listener, lambda client: _relay(client, server_port, None)):
        yield listener.getsockname()[1]


@contextmanager
def unix_socket(server_port: int, folder: Path) -> Iterator[Path]:
    """The server on a Unix socket, in a folder that libpq takes for a host; its port there is 5432."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / ".s.PGSQL.5432"))
    listener.listen()
    with _served(listener, lambda client: _relay(client, server_port, None)):
        yield folder


@contextmanager
def pooler(dsn: str, mode: Literal["session", "transaction"], size: int = 20) -> Iterator[int]:
    """A pooler in front of a database, which lets everybody in; gives its port."""
    pool = Pool(dsn, size)
    serve = {"session": _lend_session, "transaction": _lend_transactions}[mode]
    try:
        with _served(socket.create_server(("127.0.0.1", 0)), lambda client: serve(client, pool)) as listener:
            yield listener.getsockname()[1]
    finally:
        pool.close()


class Pool:
    """Sessions of the server. The one that was given back last is lent first, as PgBouncer does."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._free: list[psycopg.Connection[Any]] = []
        self._all: list[psycopg.Connection[Any]] = []
        self._slots = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._is_closed = False
        with psycopg.connect(dsn) as session:
            told = {name: session.info.parameter_status(name) for name in TOLD}
            self.told = {name: value for name, value in told.items() if value is not None}

    def take(self) -> psycopg.Connection[Any]:
        self._slots.acquire()
        with self._lock:
            if self._is_closed:
                # The thread of a client runs on for a moment after the pooler has ended.
                raise ConnectionError("the pooler has ended")
            if self._free:
                return self._free.pop()
            self._all.append(psycopg.connect(self._dsn, autocommit=True))
            return self._all[-1]

    def give_back(self, session: psycopg.Connection[Any]) -> None:
        with self._lock:
            self._free.append(session)
        self._slots.release()

    def drop(self, session: psycopg.Connection[Any]) -> None:
        session.close()
        self._slots.release()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for session in self._all:
                session.close()


@contextmanager
def _served(listener: socket.socket, serve: Any) -> Iterator[socket.socket]:
    clients: list[socket.socket] = []

    def one(client: socket.socket) -> None:
        # A client that disconnects ends its own thread.
        with suppress(OSError, psycopg.Error), client:
            serve(client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threading.Thread(target=one, args=[client], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def _relay(client: socket.socket, server_port: int, context: ssl.SSLContext | None) -> None:
    client, first = _begin(client, context)
    with client, socket.create_connection(("127.0.0.1", server_port)) as server:
        server.sendall(first)
        _pump_both(client, server)


def _begin(client: socket.socket, context: ssl.SSLContext | None) -> tuple[socket.socket, bytes]:
    """The client, over TLS if it wants and may, and its startup message."""
    while True:
        size = _exactly(client, 4)
        body = _exactly(client, struct.unpack("!I", size)[0] - 4)
        code = struct.unpack("!I", body[:4])[0]
        if code == SSL_REQUEST and context:
            client.sendall(b"S")
            client = context.wrap_socket(client, server_side=True)
        elif code in (SSL_REQUEST, GSS_REQUEST):
            client.sendall(b"N")
        else:
            return client, size + body


def _greet(client: socket.socket, pool: Pool) -> bool:
    """Answer a client's startup as a pooler does; return whether the session may continue."""
    client, first = _begin(client, None)
    words = first[8:].rstrip(b"\0").split(b"\0")
    unknown = [name.decode() for name in words[::2] if name.decode().lower() not in KNOWN]
    if unknown:
        text = f"unsupported startup parameter: {unknown[0]}"
        client.sendall(_message(b"E", b"SFATAL\0C08P01\0M" + text.encode() + b"\0\0"))
        return False
    statuses = [_message(b"S", f"{name}\0{value}\0".encode()) for name, value in pool.told.items()]
    key = _message(b"K", struct.pack("!II", 1, 1))
    client.sendall(b"".join([_message(b"R", struct.pack("!I", 0)), *statuses, key, _message(b"Z", b"I")]))
    return True


def _line_of(session: psycopg.Connection[Any]) -> socket.socket:
    """The socket of a session that psycopg has opened, to speak for ourselves."""
    line = socket.socket(fileno=os.dup(session.fileno()))
    line.setblocking(True)
    return line


def _lend_session(client: socket.socket, pool: Pool) -> None:
    if not _greet(client, pool):
        return
    # With the first message, not before: logging in costs no session.
    _, first = _read(client)
    session = pool.take()
    try:
        with _line_of(session) as server:
            server.sendall(first)
            _pump_both(client, server)
    finally:
        # Its state is unknown; a new one is what a reset one would be.
        pool.drop(session)


def _lend_transactions(client: socket.socket, pool: Pool) -> None:
    is_welcome = _greet(client, pool)
    while is_welcome:
        kind, message = _read(client)
        session = pool.take()
        with _line_of(session) as server:
            while kind != b"X":
                server.sendall(message)
                if kind in b"QS" and _answer(client, server) == b"I":
                    break
                kind, message = _read(client)
        pool.give_back(session)
        is_welcome = kind != b"X"


def _answer(client: socket.socket, server: socket.socket) -> bytes:
    """Pass the server's answer on; its last byte says whether a transaction is open."""
    while True:
        kind, message = _read(server)
        client.sendall(message)
        if kind == b"Z":
            return message[-1:]


def _read(sender: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(sender, 5)
    return head[:1], head + _exactly(sender, struct.unpack("!I", head[1:])[0] - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _exactly(sender: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = sender.recv(size - len(got))
        if not more:
            raise ConnectionError("the other side has gone")
        got += more
    return got


def _pump_both(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=[other, one], daemon=True)
    back.start()
    _pump(one, other)
    back.join(5)


def _pump(sender: socket.socket, receiver: socket.socket) -> None:
    with suppress(OSError):
        while data := sender.recv(65536):
            receiver.sendall(data)
    for end in (receiver, sender):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
