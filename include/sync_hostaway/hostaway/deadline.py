"""A time limit for a whole response. The timeouts of requests and urllib3 restart with each received byte."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager

# The monotonic time until which the response to a thread's request is read.
_deadline: ContextVar[float] = ContextVar("_deadline", default=float("inf"))


class ResponseTooSlow(TimeoutError):
    """The response began in time, but was not complete in time."""


@contextmanager
def complete_within(seconds: float) -> Iterator[None]:
    """Limits the time for headers and body of a response together, for requests of this thread in this block.

    :raises ResponseTooSlow: or an exception of requests that wraps it.
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class DeadlineAdapter(HTTPAdapter):
    """An adapter whose connections use the limit of `complete_within`, also through a proxy."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As requests does, with our connections."""
        super().init_poolmanager(*arguments, **options)
        _use_our_connections(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> ProxyManager:
        """As requests does, with our connections. Connections through a SOCKS proxy do not have this limit."""
        manager: ProxyManager = super().proxy_manager_for(*arguments, **options)
        if type(manager) is ProxyManager:
            _use_our_connections(manager)
        return manager


class _Reader(io.RawIOBase):
    """A socket that receives until the deadline."""

    def __init__(self, received: io.RawIOBase, connected: socket.socket) -> None:
        self._received = received
        self._socket = connected
        self._deadline = _deadline.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        timeout = self._socket.gettimeout()
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ResponseTooSlow("The response was not complete in time")
        # The timeout is restored, because the next request of this connection uses it.
        self._socket.settimeout(left if timeout is None else min(timeout, left))
        try:
            return self._received.readinto(buffer)
        except TimeoutError:
            if time.monotonic() >= self._deadline:
                raise ResponseTooSlow("The response was not complete in time") from None
            raise
        finally:
            if self._socket.fileno() >= 0:
                self._socket.settimeout(timeout)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _use_our_connections(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
