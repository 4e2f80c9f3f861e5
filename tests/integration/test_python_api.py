"""The Python API is as docs/python-api.md shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import sync_hostaway
from sync_hostaway import SyncReport, TransformResult, python_api, sync, transform
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import InvalidValue, UnknownAccount
from sync_hostaway.extract.context import Progress
from sync_hostaway.extract.engine import SyncResult
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration
PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text(encoding="utf-8")


def test_the_example_of_the_page_runs(
    warehouse: Connection, simulator: RunningSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/python-api.md", "exec"), {})
    said = capsys.readouterr().out
    assert "60 reservations would be new" in said
    assert "reservations complete 60 0 None" in said
    assert re.search(r"^701 \d{4}-.* healthy$", said, re.MULTILINE)
    assert warehouse.execute("select from hostaway.reservations").rowcount == 60


def test_the_page_describes_every_name_and_field() -> None:
    for name in set(sync_hostaway.__all__) - {"Mode", "Resource"}:
        assert f"`{name}" in PAGE
        assert getattr(sync_hostaway, name) is not None
    assert sorted(sync_hostaway.__all__) == sorted(python_api.__all__)
    for kind in (SyncReport, SyncResult, Progress):
        for field in fields(kind):
            if kind is not SyncResult or field.name != "account_id":
                assert f"`{field.name}`" in PAGE, field.name


def test_results_are_typed_and_a_failing_resource_does_not_raise(account: int, simulator: RunningSimulator) -> None:
    simulator.control.fault("fail_200", match={"resource": "users"}, times=0)
    seen: list[Progress] = []
    report = sync(account, mode="full", resources=["listings", "users"], on_progress=seen.append)
    assert isinstance(report, SyncReport)
    assert (report["listings"].status, report["users"].status, report.is_complete) == ("complete", "failed", False)
    assert seen
    with pytest.raises(KeyError):
        report["tasks"]
    assert isinstance(transform(), TransformResult)


def test_impossible_values_raise_an_error_that_names_them(warehouse: Connection) -> None:
    with pytest.raises(UnknownAccount, match="Account 999 is not registered"):
        sync(999)
    with pytest.raises(InvalidValue, match="sometimes"):
        sync(999, mode="sometimes")
    for resources in ("guests", ["listings", "guests"]):
        with pytest.raises(InvalidValue, match="'guests' is no resource: there are listings,"):
            sync(999, resources=resources)
    with pytest.raises(InvalidValue, match="`since` is a datetime, not str"):
        sync(999, since="yesterday")  # type: ignore[arg-type]  # the error under test


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_moment_that_utc_does_not_know_is_refused(account: int, dry_run: bool) -> None:
    moment = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    with pytest.raises(InvalidValue, match="outside of the years 1 to 9999"):
        sync(account, since=moment, dry_run=dry_run)


def test_a_dag_file_does_not_pay_for_it() -> None:
    code = "import sync_hostaway, sys; assert not {'sync_hostaway.python_api', 'psycopg'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
