"""The consoles of the command line, on which no text of a stranger acts."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from sync_hostaway.text import visible


class TerminalConsole(Console):
    """Escapes control characters and bidi controls in all it prints; rich's own control codes and line breaks stay.

    It cannot tell a line break within a name from one of the layout: `visible` escapes those where a name is shown.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does, with escaped text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text, keep="\n\t"))
