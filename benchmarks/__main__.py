"""`python -m benchmarks [NAME…]`: runs benchmarks, shows tables, always ends with exit code 0."""

from __future__ import annotations

import json
import time
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import BENCHMARKS, ON_REQUEST, RUNS, machine, peers
from benchmarks.options import SIZES, Options
from benchmarks.report import Result
from sync_hostaway.local.signals import signals_as_keyboard_interrupt

out = Console(highlight=False)
if not out.is_terminal:
    out = Console(highlight=False, width=160)


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(help=f"Which: {', '.join(BENCHMARKS)}; all but {', '.join(ON_REQUEST)} when left out"),
    ] = None,
    size: Annotated[str, typer.Option(help="Size of `sync` and `poll`: S, M or L (L takes an hour)")] = "S",
    runs: Annotated[int | None, typer.Option(help="How often to measure each figure", min=1)] = None,
    ip_limit: Annotated[str, typer.Option(help="The simulator's limit for `sync`, such as 15/10")] = "off",
    with_peers: Annotated[bool, typer.Option("--peers/--no-peers", help="Measure dlt and omniload too")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every raw figure there")] = None,
) -> None:
    """Measure the project on this machine, beside its peers."""
    unknown = set(names or ()) - set(BENCHMARKS)
    if unknown:
        raise typer.BadParameter(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if size not in SIZES:
        raise typer.BadParameter(f"no size {size}; there are {', '.join(SIZES)}", param_hint="--size")
    began = time.monotonic()

    def say(text: str) -> None:
        out.print(f"[dim]{time.monotonic() - began:6.1f} s  {text}[/]", soft_wrap=True)

    about = {**machine.describe(), **peers.versions()}
    out.print(", ".join(f"{name} {value}" for name, value in about.items()), soft_wrap=True)
    results: dict[str, list[Result]] = {}
    failed: dict[str, str] = {}
    for name in names or [name for name in BENCHMARKS if name not in ON_REQUEST]:
        try:
            results[name] = _measure(name, Options(runs or RUNS.get(name, 1), size, ip_limit, with_peers, say))
        except Exception as error:  # noqa: BLE001 - one benchmark that breaks must not cost the figures of the others
            failed[name] = f"{type(error).__name__}: {error}"
            out.print(f"[bold red]{name} could not be measured[/]: {failed[name]}", soft_wrap=True)
        for result in results.get(name, ()):
            result.show(out)
    out.print(f"\nLoad at the end (1 / 5 min): {machine.load()}; {time.monotonic() - began:.0f} s in all.")
    if json_file:
        json_file.write_text(json.dumps(_document(about, results, failed), indent=1), encoding="utf-8")


def _measure(name: str, options: Options) -> list[Result]:
    before = machine.load()
    results: list[Result] = import_module(f"benchmarks.{name}").run(options)
    repeated = f"; {options.runs} run(s)" if name in RUNS else ""
    for result in results:
        result.notes.append(f"Load (1 / 5 min): {before} before, {machine.load()} after{repeated}.")
    return results


def _document(about: dict[str, Any], results: dict[str, list[Result]], failed: dict[str, str]) -> dict[str, Any]:
    tables = {name: [result.as_json() for result in several] for name, several in results.items()}
    return {"machine": {**about, "load_after": machine.load()}, "results": tables, "failed": failed}


if __name__ == "__main__":
    # SIGTERM, for example from `timeout`, also stops the processes that a benchmark started.
    with signals_as_keyboard_interrupt():
        typer.run(main)
