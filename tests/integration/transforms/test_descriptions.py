"""What the project says of tables and columns is in the database, where psql and BI tools show it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from landing_harness import LandingHarness, edited_project, listing, reservation
from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms import find_project, profile_environment
from sync_hostaway.transforms.invocation import run_dbt

pytestmark = pytest.mark.integration

Comments = dict[tuple[str, str], str | None]


def written(project: Path) -> Comments:
    """Description of each table and column, as the project has them; a table's own is at the column ''."""
    docs = (project / "models" / "docs.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"{% docs (\w+) %}\n(.*?)\n{% enddocs %}", docs, re.DOTALL))

    def text(description: str) -> str:
        return " ".join(re.sub(r"{{ doc\('(\w+)'\) }}", lambda found: blocks[found[1]], description).split())

    found: Comments = {}
    for folder in ("core", "status", "marts"):
        for file in (project / "models" / folder).rglob("*.yml"):
            if file.parent.name == "steps":
                continue
            for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", []):
                found[model["name"], ""] = text(model["description"])
                for column in model["columns"]:
                    found[model["name"], column["name"]] = text(column["description"])
    return found


def comments(harness: LandingHarness) -> Comments:
    """Comment on each table and column that is in the database, with or without one."""
    rows = harness.rows(
        """
        select tables.relname, place.name, col_description(tables.oid, place.number)
        from pg_class as tables
        cross join lateral (
            select 0 as number, '' as name
            union all
            select attnum, attname from pg_attribute where attrelid = tables.oid and attnum > 0 and not attisdropped
        ) as place
        where
            tables.relnamespace in ('hostaway'::regnamespace, 'marts'::regnamespace)
            and tables.relkind in ('r', 'v')
        """
    )
    return {(table, column): comment for table, column, comment in rows}


def comment_versions(harness: LandingHarness) -> dict[tuple[str, int], str]:
    """Which row versions the comments on core tables are: one that is written again is another."""
    rows = harness.rows(
        "select relname, objsubid, pg_description.xmin::text from pg_description inner join pg_class on objoid = oid"
        " where classoid = 'pg_class'::regclass and relnamespace = 'hostaway'::regnamespace and relkind = 'r'"
    )
    return {(table, place): version for table, place, version in rows}


def test_every_table_and_column_has_its_description_as_comment(harness: LandingHarness) -> None:
    found = comments(harness)
    assert found == written(find_project())
    assert all(found.values())


def test_a_transform_of_what_landed_writes_no_comment(harness: LandingHarness) -> None:
    before = comment_versions(harness)
    harness.land("listings", listing(1))
    harness.land("reservations", reservation(10))
    harness.transform()
    harness.connection.execute("comment on column hostaway.reservations.nights is 'by another user'")
    harness.land("reservations", reservation(10, nights=4))
    harness.transform()
    assert harness.value("select nights from hostaway.reservations") == 4
    after = comment_versions(harness)
    assert {place for place in before if after[place] != before[place]} == {
        (
            "reservations",
            harness.value(
                "select attnum from pg_attribute where attrelid = 'hostaway.reservations'::regclass"
                " and attname = 'nights'"
            ),
        )
    }


def test_a_new_version_of_the_project_writes_the_comments_that_differ(harness: LandingHarness, tmp_path: Path) -> None:
    odd = """it's \\n $$ $json$ %s {x} "é" \\"""
    project = edited_project(
        tmp_path,
        "models/core/users.yml",
        'description: "Time zone"',
        f"description: |\n          {odd}\n          on two lines",
    )
    # as an older version left it
    harness.connection.execute(
        """
        comment on column hostaway.users.title is 'old';
        comment on table hostaway.coupons is null;
        alter table hostaway.reservation_guests drop column name_key cascade;
        update ops.relations set descriptions = null, description_hash = null;
        """
    )
    before = comment_versions(harness)
    harness.transform(project_dir=project, full_refresh=True)
    assert comments(harness) == {**written(find_project()), ("users", "time_zone"): f"{odd} on two lines"}
    after = comment_versions(harness)
    assert sum(after[place] != version for place, version in before.items() if place in after) == 2
    assert len(after) == len(before) + 1 + 1


def test_a_table_that_is_built_anew_has_its_comments(harness: LandingHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.transform(full_refresh=True)
    assert comments(harness) == written(find_project())
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__PHOTOS", "false")
    get_settings.cache_clear()
    assert {run.name for run in harness.transform(marts=False).models} == {"listing_photos"}
    assert comments(harness) == written(find_project())


def test_who_does_not_own_a_table_fills_it_all_the_same(harness: LandingHarness) -> None:
    harness.connection.execute(
        """
        comment on table hostaway.users is null;
        drop role if exists fills;
        create role fills;
        grant usage on schema hostaway, staging, landing, ops to fills;
        grant select on all tables in schema hostaway, staging, landing, ops to fills;
        grant insert, update on hostaway.users to fills;
        """
    )
    harness.land("users", {"id": 1})
    try:
        harness.connection.execute("update ops.loads set transform_id = (select max(transform_id) from ops.transforms)")
        outcome = run_dbt(
            ["run", "--select", "users"],
            project_dir=find_project(),
            environment=profile_environment(f"{harness.dsn}?options=-c%20role%3Dfills"),
        )
        assert outcome.success, outcome.failures()
        assert harness.value("select count(*) from hostaway.users") == 1
    finally:
        harness.connection.execute("drop owned by fills; drop role fills")
