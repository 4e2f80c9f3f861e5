"""`python -m sync_hostaway.simulator`: the simulator command on its own."""

from __future__ import annotations

import typer

from sync_hostaway.simulator.command import simulator

if __name__ == "__main__":
    typer.run(simulator)
