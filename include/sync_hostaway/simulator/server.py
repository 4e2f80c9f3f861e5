"""Running the simulator: in the foreground, or in a thread for tests and the demo."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sync_hostaway.simulator.config import SimulatorConfig
from sync_hostaway.simulator.control.api import ControlApi
from sync_hostaway.simulator.control.client import SimulatorControl
from sync_hostaway.simulator.http.api import Api
from sync_hostaway.simulator.http.pipeline import Pipeline
from sync_hostaway.simulator.http.state import SimulatorState
from sync_hostaway.simulator.http.webhooks import Webhooks

_START_TIMEOUT = 120.0
_SHUTDOWN_TIMEOUT = 1.0


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator that listens. url: base without /v1; control: its control interface."""

    url: str
    control: SimulatorControl
    config: SimulatorConfig


@contextlib.asynccontextmanager
async def listening(config: SimulatorConfig) -> AsyncIterator[str]:
    """Serve within the running event loop; yields the URL."""
    state = SimulatorState(config)
    webhooks = Webhooks(config)
    pipeline = Pipeline(state, Api(state, webhooks), ControlApi(state, webhooks).handle)
    runner = web.ServerRunner(web.Server(pipeline.handle, access_log=None), shutdown_timeout=_SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        sock = _bind(config.host, config.port)
        await web.SockSite(runner, sock, backlog=1024).start()
        host, port = sock.getsockname()[:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await webhooks.close()
        await runner.cleanup()


class CannotListen(Exception):
    """The simulator cannot listen on the given address.

    :param option: the command's option to change.
    """

    def __init__(self, message: str, option: str) -> None:
        super().__init__(message)
        self.option = option


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise CannotListen(f"{host} is not an address of this machine; use 127.0.0.1", "--host") from None
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen()
    except OSError as error:
        sock.close()
        raise _cannot_listen(host, port, error) from None
    return sock


def _cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    if error.errno == errno.EADDRINUSE:
        return CannotListen(f"port {port} on {host} is taken; name another one, or 0 for one that is free", "--port")
    if isinstance(error, PermissionError):
        return CannotListen(f"port {port} may be used by root only; name one from 1024, or 0 for a free one", "--port")
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotListen(f"{host} is not an address of this machine; use 127.0.0.1", "--host")
    return CannotListen(f"port {port} on {host} cannot be used: {error.strerror}", "--port")


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed: it about doubles the calls per second."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def write_ready_file(path: Path, url: str) -> None:
    """Write the URL into a file in one step, so that no reader gets a part of it."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(url + "\n", encoding="utf-8")
    temporary.replace(path)


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def serve(
    config: SimulatorConfig, *, ready_file: Path | None = None, announce: Callable[[str], None] = _announce
) -> None:
    """Serve until SIGTERM or SIGINT. Announces the URL (by default on standard output) once it listens."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with listening(config) as url:
            if ready_file is not None:
                write_ready_file(ready_file, url)
            announce(url)
            await stop.wait()

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(main())


class _Background:
    """A simulator in a thread of its own."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._ready = threading.Event()
        self._url = ""
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="hostaway-simulator", daemon=True)

    def start(self) -> str:
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT):
            raise TimeoutError(f"the simulator did not listen within {_START_TIMEOUT} s")
        if self._error is not None:
            raise self._error
        return self._url

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.run(self._main())
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            self._error = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with listening(self._config) as self._url:
            self._ready.set()
            await self._stop.wait()


@contextlib.contextmanager
def running(config: SimulatorConfig | None = None) -> Iterator[RunningSimulator]:
    """Run a simulator in a background thread with its own event loop."""
    config = config or SimulatorConfig()
    background = _Background(config)
    url = background.start()
    try:
        with SimulatorControl(url) as control:
            yield RunningSimulator(url, control, config)
    finally:
        background.stop()
