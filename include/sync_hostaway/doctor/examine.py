"""Examines accounts, sets the options that make the mirror work, and stores the findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from sync_hostaway.accounts.registry import change_options, client_for, get_account
from sync_hostaway.core.db import Connection, load_queries
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.doctor.account_checks import examine_account
from sync_hostaway.doctor.finding import Finding, Status
from sync_hostaway.hostaway.rate_limiter import Priority

log = structlog.get_logger(__name__)

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
# Seconds to wait for a permit or an answer; a missing answer is a finding.
_REQUEST_TIMEOUT = 30.0
_ACCOUNTS_PER_RUN = 5


@dataclass(frozen=True)
class AccountExamination:
    """The findings of an account.

    :param options_set: options of the account that were set because of it.
    """

    account_id: int
    findings: list[Finding]
    calls: int
    options_set: dict[str, Any]

    @property
    def has_failed(self) -> bool:
        """Whether an assumption fails on which the mirror relies."""
        return any(finding.status is Status.FAILS for finding in self.findings)


def examine(connection: Connection, account_id: int, *, set_options: bool = True) -> AccountExamination:
    """Examine one account: only reads, about 25 calls, within its request budget.

    :param set_options: set the options that a finding names. Existing options of the account are not changed.
    :raises UnknownAccount: when it is not registered.
    :raises InactiveAccount: when it is disabled or its credentials were rejected.
    :raises CredentialsRejected: when Hostaway does not accept its API key.
    """
    with client_for(connection, account_id, Priority.INCREMENTAL, single_try_timeout=_REQUEST_TIMEOUT) as client:
        findings = examine_account(client)
        calls = client.stats.calls
    options = get_account(connection, account_id).options
    wanted = {name: value for finding in findings for name, value in finding.options.items() if name not in options}
    options_set = wanted if set_options else {}
    if options_set:
        change_options(connection, account_id, options_set)
        log.warning("account_options_set", account_id=account_id, options=options_set)
    params = {
        "account_id": account_id,
        "calls": calls,
        "findings": Jsonb([asdict(finding) for finding in findings]),
        "options_set": Jsonb(options_set),
    }
    connection.execute(_QUERIES["put_examination"], params)
    return AccountExamination(account_id, findings, calls, options_set)


def examine_new_accounts(connection: Connection) -> dict[str, int]:
    """Examine new accounts, a few at a time: called by `hostaway_maintenance`. Returns counts by name."""
    examined = failed = 0
    for row in connection.execute(_QUERIES["never_examined"], {"limit": _ACCOUNTS_PER_RUN}).fetchall():
        try:
            examine(connection, row["account_id"])
            examined += 1
        except SyncHostawayError as error:
            failed += 1
            log.warning("account_not_examined", account_id=row["account_id"], error=str(error))
    return {"examined": examined, "failed": failed}
