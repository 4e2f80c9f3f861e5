"""docs/simulator.md names every fault, option and control request, and no other; its example in Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync_hostaway.simulator.control.api import ControlApi
from sync_hostaway.simulator.http import faults

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_every_kind_of_fault_stands_there_with_its_options() -> None:
    section = PAGE.partition("| `kind` | The call |")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*?)\|$", section, re.MULTILINE))
    assert set(rows) == set(faults._OPTIONS)
    for kind, options in faults._OPTIONS.items():
        for option in options:
            assert f"`{option}`" in rows[kind], (kind, option)
        for form in faults._FORMS.get(kind, ()):
            assert f"`{form}`" in rows[kind], (kind, form)
    for defect in faults.DEFECTS:
        assert f"`{defect}`" in rows["bad_row"]


def test_every_request_to_the_control_interface_stands_there() -> None:
    for method, path in ControlApi(None, None)._routes:  # type: ignore[arg-type]  # only its routes are read
        assert f"{method} {path}" in PAGE or (path == "faults" and f"`{method}" in PAGE), (method, path)


def test_the_example_in_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/simulator.md", "exec"), {})
    assert re.search(r"http://127\.0\.0\.1:\d+ \{'listings': 4, 'reservations': 60", capsys.readouterr().out)
