"""`python -m chaos`: makes faults on purpose, shows a table, and ends with exit code 1 when anything was lost."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import structlog
import typer
from benchmarks import machine
from rich.console import Console

from chaos import platform_rounds, report
from chaos.clock import can_move_clock
from chaos.faults import all_faults
from chaos.plan import plan
from chaos.rounds import Outcome, run
from chaos.world import World
from sync_hostaway.local.signals import signals_as_keyboard_interrupt

Echo = Callable[[str], None]
out = Console(highlight=False)
if not out.is_terminal:
    out = Console(highlight=False, width=160)


def main(
    seed: Annotated[int, typer.Option(envvar="SEED", help="Equal seeds make equal plans", min=0)] = 1,
    rounds: Annotated[
        str, typer.Option(envvar="ROUNDS", help="How many faults in single operations, or which: 41-80,90-90")
    ] = "200",
    only: Annotated[int | None, typer.Option(envvar="ONLY", help="Repeat this round only", min=1)] = None,
    platform: Annotated[
        int, typer.Option(envvar="PLATFORM", help="How many faults in a running Airflow after that", min=0)
    ] = 0,
    results: Annotated[
        Path | None,
        typer.Option(envvar="RESULTS", help="File of results: rounds that it has are shown, and not run again"),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown")] = False,
) -> None:
    """Break parts in the middle of their work, and check that nothing is lost, duplicated, foreign or sent twice."""
    # Errors of the product are expected here; the findings count.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    began = time.monotonic()

    def echo(text: str) -> None:
        out.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {text}", soft_wrap=True)

    if only is not None:
        rounds, platform, results = f"{only}-{only}", 0, None
    numbers = _numbers(rounds)
    outcomes = _read(results)
    done = {outcome.round for outcome in outcomes}
    out.print(", ".join(f"{name} {value}" for name, value in machine.describe().items()), soft_wrap=True)

    def finished(outcome: Outcome) -> None:
        outcomes.append(outcome)
        _write(results, outcomes)
        _show(outcome, seed, echo)

    _run_rounds(seed, [number for number in numbers if number not in done], echo, finished)
    # Numbered from -1 downwards, so that they do not collide with the rounds of single operations.
    wanted = [number for number in range(1, platform + 1) if -number not in done]
    if wanted:
        platform_rounds.run(seed, wanted, echo, finished)
    out.print()
    title = f"Faults on purpose, seed {seed}"
    if markdown:
        typer.echo(report.markdown(outcomes))
    else:
        out.print(report.table(outcomes, title))
    failed = [outcome for outcome in outcomes if not outcome.is_clean]
    out.print(f"{len(outcomes)} faults, {len(failed)} rounds with findings; {time.monotonic() - began:.0f} s")
    for outcome in failed:
        out.print(f"  {_command(outcome, seed)}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def _run_rounds(seed: int, numbers: list[int], echo: Echo, finished: Callable[[Outcome], None]) -> None:
    if not numbers:
        return
    echo("starting PostgreSQL and the simulator, mirroring two accounts")
    with World() as world:
        moves = can_move_clock(world.scratch)
        if not world.disk.can_be_full:
            echo("no right to mount a small file system: the fault `disk full` is left out")
        if not moves:
            echo("libfaketime does not work here: jumps of our own clock are left out")
        faults = all_faults(can_fill_disk=world.disk.can_be_full, can_move_clock=moves)
        for each in plan(seed, faults, numbers):
            finished(run(world, each))


def _numbers(text: str) -> list[int]:
    if not re.fullmatch(r"\d+|\d+-\d+(,\d+-\d+)*", text):
        raise typer.BadParameter("a number of rounds, or the first and the last: 41-80,90-90", param_hint="ROUNDS")
    if "-" not in text:
        return list(range(1, int(text) + 1))
    bounds = [part.split("-") for part in text.split(",")]
    return [number for first, last in bounds for number in range(int(first), int(last) + 1)]


def _show(outcome: Outcome, seed: int, echo: Echo) -> None:
    when = outcome.moment if outcome.struck else f"{outcome.moment} (had ended before)"
    mark = "[green]ok[/]" if outcome.is_clean else "[bold red]wrong[/]"
    echo(
        f"{abs(outcome.round):4d}  {mark}  {outcome.operation}: {outcome.part}, {outcome.fault}, {when}; "
        f"recovered in {outcome.recovered:.1f} s"
    )
    if not outcome.is_clean:
        for note in [*outcome.findings.get("notes", []), *([outcome.failure] if outcome.failure else [])]:
            out.print(f"        {note}", soft_wrap=True, markup=False)
        out.print(f"        repeat it with: {_command(outcome, seed)}", soft_wrap=True)


def _command(outcome: Outcome, seed: int) -> str:
    if outcome.round < 0:
        return f"make chaos SEED={seed} ROUNDS=0 PLATFORM={-outcome.round}"
    return f"make chaos SEED={seed} ONLY={outcome.round}"


def _read(results: Path | None) -> list[Outcome]:
    if results is None or not results.exists():
        return []
    return [Outcome(**each) for each in json.loads(results.read_text(encoding="utf-8"))]


def _write(results: Path | None, outcomes: list[Outcome]) -> None:
    if results is not None:
        results.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")


if __name__ == "__main__":
    # SIGTERM, for example from `timeout`, also stops the processes that were started here.
    with signals_as_keyboard_interrupt():
        typer.run(main)
