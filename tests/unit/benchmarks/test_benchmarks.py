"""The benchmarks' own arithmetic: what they say about a figure must be what was measured."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import BENCHMARKS, demo, measure_child
from benchmarks.report import Result, Spread, Target, ratio
from benchmarks.sync_targets import Census, targets
from benchmarks.truth import Comparison, compare
from rich.console import Console


def shown(result: Result) -> str:
    """What a terminal gets."""
    screen = io.StringIO()
    result.show(Console(file=screen, width=120, color_system=None))
    return screen.getvalue()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((3.0, 1.0, 2.0), "2.0 (1.0-3.0)"),
        ((5.04, 5.01), "5.0"),
        ((1234.0,), "1,234.0"),
        ((), "-"),
        ((None, 2.0), "2.0"),
    ],
)
def test_a_spread_is_the_median_and_its_extremes(values: tuple[float | None, ...], text: str) -> None:
    assert Spread.of(values).text() == text


@pytest.mark.parametrize(
    ("target", "is_met"),
    [
        (Target("calls", 10, 10), True),
        (Target("calls", 10, 10.5), False),
        (Target("rows/s", 2, 2.1, at_least=True), True),
        (Target("rows/s", 2, 1.9, at_least=True), False),
        (Target("rows/s", 2, None), None),
    ],
)
def test_a_target_is_met_up_to_its_limit(target: Target, is_met: bool | None) -> None:
    assert target.met is is_met


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    result = Result("sync", ("client", "calls"), [["dlt", "817"]], [Target("CPU", 0.5, None, unit="x")], ["two runs"])
    text = shown(result)
    assert "not measured" in text
    assert "≤ 0.50x" in text
    assert "817" in text
    assert "two runs" in text
    assert result.as_json()["targets"][0]["met"] is None


def test_a_ratio_needs_both_sides() -> None:
    assert ratio(810, 10) == 81
    assert ratio(None, 10) is None
    assert ratio(10, 0) is None


def test_a_mirror_like_its_source_has_no_difference() -> None:
    assert compare({1: "2026-01-01", 2: None}, [(2, None), (1, "2026-01-01")]) == Comparison(rows=2)


def test_every_kind_of_difference_is_counted_once() -> None:
    truth = {1: "2026-01-02", 2: "2026-01-01", 3: None, 4: None}
    mirror = [(1, "2026-01-01"), (2, "2025-01-01"), (2, "2026-01-01"), (3, None), (9, None)]
    assert compare(truth, mirror) == Comparison(rows=5, missing=1, duplicate=1, surplus=1, stale=1)


def test_comparisons_add_up() -> None:
    assert Comparison(3, 1, 0, 0, 2) + Comparison(4, 0, 5, 1, 0) == Comparison(7, 1, 5, 1, 2)


def test_targets_know_the_calls_a_full_sync_may_take() -> None:
    medians = {
        (scenario, client, figure): 10.0
        for scenario in ("full", "nothing changed", "1 % changed", "drift")
        for client in ("sync-hostaway", "dlt rest_api")
        for figure in ("calls", "wall", "cpu", "rss", "rows_per_s", "lost")
    }
    census = Census({"listings": 50, "reservations": 800, "conversations": 801}, 700, 16, 8)
    found = {target.name.partition(":")[0]: target for target in targets(medians, "dlt rest_api", census, "S")}
    assert found["calls of a full sync"].limit == 1 + 8 + 9 + 700 + 3
    assert found["calls of a sync after 1 % changed"].limit == pytest.approx(1.1 * (10 + 8 + 1))
    assert found["nothing changed"].measured == 1


def test_the_demo_is_timed_by_the_lines_it_prints() -> None:
    lines = ["  1.0 s  Airflow is healthy: http://127.0.0.1:1\n", "Rows in Hostaway and in the tables\n", "the end\n"]
    seen, last = demo.watch(lines, began=0.0)
    assert list(seen) == ["Airflow is healthy", "Rows in Hostaway and in the tables"]
    assert last.endswith("the end")


def test_a_measured_child_reports_its_own_cost(tmp_path: Path) -> None:
    result = tmp_path / "usage.json"
    script = "import sys; b = bytearray(60_000_000); sys.exit(3)"
    launcher = [sys.executable, "-I", "-S", measure_child.__file__, str(result), sys.executable, "-c", script]
    subprocess.run(launcher, check=True)
    usage = json.loads(result.read_text())
    assert usage["exit_code"] == 3
    assert 60 < usage["rss_mb"] < 120
    assert usage["cpu"] > 0


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_can_be_run(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert callable(module.run)
