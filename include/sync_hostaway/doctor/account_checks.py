"""All checks of an account: about 25 calls within the request budget, only reads."""

from __future__ import annotations

from sync_hostaway.doctor import list_checks, message_checks, service_checks
from sync_hostaway.doctor.checks import Examination
from sync_hostaway.doctor.finding import Finding
from sync_hostaway.hostaway.client import HostawayClient


def examine_account(client: HostawayClient) -> list[Finding]:
    """The findings of all checks.

    :raises CredentialsRejected: when Hostaway does not accept the API key.
    """
    exam = Examination(client)
    parts = (list_checks.CHECKS, message_checks.CHECKS, service_checks.CHECKS)
    return [finding for checks in parts for finding in checks.run(exam)]
