"""`sync-hostaway doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.table import Table

from sync_hostaway.accounts.registry import list_accounts
from sync_hostaway.cli.errors import one_line
from sync_hostaway.cli.options import AsJson, account_option, warehouse
from sync_hostaway.core.console import cell, echo, print_error, print_json, print_note, print_table
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.doctor.examine import AccountExamination, examine
from sync_hostaway.doctor.finding import Finding, Status, report
from sync_hostaway.doctor.installation import examine_installation


def doctor(
    accounts: Annotated[
        list[int] | None,
        account_option("Account to examine; repeatable. Default: all active accounts", "--account"),
    ] = None,
    set_options: Annotated[
        bool, typer.Option("--set/--no-set", help="Set the account options that the findings name")
    ] = True,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write a report without personal data to it", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the mirror's assumptions about accounts and the installation. Only reads, about 25 calls per account.

    The exit code is 1 if an assumption fails on which the mirror relies.
    """
    examined: list[AccountExamination] = []
    not_examined = False
    with warehouse() as connection:
        installation = examine_installation(connection)
        active = [account.account_id for account in list_accounts(connection) if account.state == "active"]
        for account_id in accounts or active:
            try:
                examined.append(examine(connection, account_id, set_options=set_options))
            # An error of the database, such as a full disk, must not hide the findings about the installation.
            except (SyncHostawayError, psycopg.Error) as error:
                print_error(f"Account {account_id} was not examined: {one_line(error)}")
                not_examined = True
    if as_json:
        print_json(
            {
                "installation": [asdict(finding) for finding in installation],
                "accounts": [asdict(examination) for examination in examined],
            }
        )
    else:
        _show("Installation", installation)
        for examination in examined:
            _show(f"Account {examination.account_id} ({examination.calls} calls)", examination.findings)
            for name, value in examination.options_set.items():
                echo(f"Option {name} of account {examination.account_id} is now {value}.")
    if report_file:
        document = [report(one.findings, installation, one.calls) for one in examined] or report([], installation, 0)
        report_file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print_note(f"The report is in {report_file}.")
    fails = any(finding.status is Status.FAILS for finding in installation) or any(one.has_failed for one in examined)
    if fails or not_examined:
        raise typer.Exit(1)


def _show(title: str, findings: list[Finding]) -> None:
    table = Table("check", "status", "found", title=title)
    for finding in findings:
        table.add_row(cell(finding.check), cell(finding.status.value), cell(finding.detail))
    print_table(table)
