"""How the platform tells what happens: a function that takes a short sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Progress that nobody wants to hear of."""


def tireless(say: Say) -> Say:
    """The same, but nobody listening any more (a closed terminal, a pipe that ended) is no reason to stop working."""

    def speak(text: str) -> None:
        with suppress(OSError):
            say(text)

    return speak
