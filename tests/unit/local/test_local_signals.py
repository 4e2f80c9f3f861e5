"""What is started is stopped on the way out, and stopping is not cut short."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from sync_hostaway.local.echo import ignoring_broken_pipe
from sync_hostaway.local.signals import ENDING, ignore_signals, signals_as_keyboard_interrupt


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in ENDING]


@pytest.fixture(autouse=True)
def nothing_is_ignored() -> Iterator[None]:
    """Also where the tests themselves run under nohup."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_every_signal_that_ends_a_process_is_like_ctrl_c(number: signal.Signals) -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), signals_as_keyboard_interrupt():
        os.kill(os.getpid(), number)
    assert handlers() == before


@pytest.mark.parametrize("number", ENDING)
def test_tidying_up_is_not_cut_short(number: signal.Signals) -> None:
    before = handlers()
    with signals_as_keyboard_interrupt(), ignore_signals():
        os.kill(os.getpid(), number)
    assert handlers() == before


def test_nohup_stays_nohup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals_as_keyboard_interrupt():
        os.kill(os.getpid(), signal.SIGHUP)


def test_a_closed_terminal_does_not_stop_the_work() -> None:
    def echo(text: str) -> None:
        raise BrokenPipeError(text)

    ignoring_broken_pipe(echo)("Stopping Airflow.")
