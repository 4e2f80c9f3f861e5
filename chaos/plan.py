"""Which fault strikes which operation, and when. The seed decides it, so that a round can be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from chaos.faults import Fault
from chaos.moments import Moment, draw
from chaos.operations import OPERATIONS, Operation


@dataclass(frozen=True)
class Round:
    """One fault in one operation.

    :param number: from 1; the same number of the same seed is the same round.
    """

    seed: int
    number: int
    operation: Operation
    fault: Fault
    moment: Moment

    def rng(self) -> Random:
        """A random generator for everything else that the round draws."""
        return Random(f"{self.seed} {self.number} round")  # noqa: S311 - a plan, not a secret

    def __str__(self) -> str:
        return f"{self.operation.name}: {self.fault.part} {self.fault.name}, {self.moment}"


def plan(seed: int, faults: Iterable[Fault], numbers: Iterable[int]) -> Iterator[Round]:
    """The rounds with these numbers. All pairs of operation and fault come once before one comes again."""
    pairs = [
        (operation, fault)
        for operation in OPERATIONS.values()
        for fault in faults
        if fault.fits(operation.work, calls=operation.calls)
    ]
    Random(seed).shuffle(pairs)  # noqa: S311 - a plan, not a secret
    for number in numbers:
        operation, fault = pairs[(number - 1) % len(pairs)]
        rng = Random(f"{seed} {number} moment")  # noqa: S311 - as above
        if fault.before and operation.calls:
            # The rule of the simulator has its own moment: the call.
            moment = Moment("call", rng.randint(1, operation.calls))
        else:
            moment = draw(rng, calls=operation.calls, commits=operation.commits, seconds=operation.seconds)
        yield Round(seed, number, operation, fault, moment)
