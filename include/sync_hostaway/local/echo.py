"""How the platform tells what happens: a function that takes a short sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

Echo = Callable[[str], None]


def no_output(_: str) -> None:
    """Progress that nobody wants to hear of."""


def ignoring_broken_pipe(echo: Echo) -> Echo:
    """The same, but nobody listening any more (a closed terminal, a pipe that ended) is no reason to stop working."""

    def speak(text: str) -> None:
        with suppress(OSError):
            echo(text)

    return speak
