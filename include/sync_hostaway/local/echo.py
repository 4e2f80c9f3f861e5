"""Progress messages of the platform: a function that prints a short sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

Echo = Callable[[str], None]


def no_output(_: str) -> None:
    """Print nothing."""


def ignoring_broken_pipe(echo: Echo) -> Echo:
    """Return the same function without errors for a closed terminal or an ended pipe, so that the work continues."""

    def print_text(text: str) -> None:
        with suppress(OSError):
            echo(text)

    return print_text
