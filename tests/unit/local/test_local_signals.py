"""What is started is stopped on the way out, and stopping is not cut short."""

from __future__ import annotations

import os
import signal

import pytest

from sync_hostaway.local.say import tireless
from sync_hostaway.local.signals import ENDING, like_ctrl_c, undisturbed


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in ENDING]


@pytest.mark.parametrize("number", ENDING)
def test_whatever_ends_us_is_like_ctrl_c(number: signal.Signals) -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), like_ctrl_c():
        os.kill(os.getpid(), number)
    assert handlers() == before


@pytest.mark.parametrize("number", ENDING)
def test_tidying_up_is_not_cut_short(number: signal.Signals) -> None:
    before = handlers()
    with like_ctrl_c(), undisturbed():
        os.kill(os.getpid(), number)
    assert handlers() == before


def test_nohup_stays_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_does_not_stop_the_work() -> None:
    def say(text: str) -> None:
        raise BrokenPipeError(text)

    tireless(say)("Stopping Airflow.")
