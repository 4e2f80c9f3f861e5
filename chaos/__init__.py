"""Breaks parts of the product on purpose, in the middle of their work, and then compares the tables with the source.

`make chaos SEED=1` runs it; docs/chaos.md explains the faults and the table. A round is one fault in one operation, in
a warehouse of its own: the source changes, the operation starts as a process, the fault strikes and is lifted, the
operation and a sync run once more, and then each invariant is checked. The seed decides the plan.
"""

from __future__ import annotations
