"""Handling of signals that end the program: clean up first, and do not interrupt the cleanup."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Ctrl-C, a request to terminate, a closed terminal.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_Handler = Callable[[int, FrameType | None], Any] | int | None


@contextmanager
def signals_as_keyboard_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt for each of these signals, so that started processes are stopped."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Ignore these signals in the block, for example a second Ctrl-C during the cleanup of the first one."""
    with _handled(signal.SIG_IGN):
        yield


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    before: dict[signal.Signals, _Handler] = {}
    try:
        for number in ENDING:
            # An ignored signal stays ignored: with nohup, a closed terminal must not end the program.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    except ValueError:
        pass  # signals belong to the main thread
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
