"""Signals of the person in front: one that ends us lets us tidy up first, and tidying up is not cut short."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Ctrl-C, being told to end, the terminal that closes.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_Handler = Callable[[int, FrameType | None], Any] | int | None


@contextmanager
def signals_as_keyboard_interrupt() -> Iterator[None]:
    """Whatever asks us to end raises KeyboardInterrupt, so that what was started is stopped on the way out."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Nothing but SIGKILL ends what is done here: a second Ctrl-C, say, while the first one is being obeyed."""
    with _handled(signal.SIG_IGN):
        yield


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    before: dict[signal.Signals, _Handler] = {}
    try:
        for number in ENDING:
            # What is ignored stays so: under nohup, a closed terminal is no reason to end.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    except ValueError:
        pass  # signals belong to the main thread
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)
