"""The text of an alert message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sync_hostaway.core.text import visible

TITLES = {
    "key_refused": "API key not accepted",
    "sync_failing": "Sync failing",
    "sync_late": "No complete sync for too long",
    "webhook_off": "Webhook off",
    "dead_events": "Dead webhook events",
    "quarantine_growing": "Quarantine growing",
    "inbox_stuck": "Webhook events not processed",
    "budget_exceeded": "Request budget too small",
    "transform_failing": "Transform failing",
    "transform_late": "Transform late",
    "database_connections": "Database connections used up",
    "database_unreachable": "Database not reachable",
    "disk_full": "Disk almost full",
    "dag_import_slow": "Dag file slow to import",
    "accounts_missing": "Accounts missing in the registry",
    "test": "Test",
}
"""Each is a section of docs/runbook.md."""
# Further alerts are only counted: a mail with a thousand lines is useless.
_MOST_LINES = 30


@dataclass(frozen=True)
class Alert:
    """A condition that began or ended.

    :param account_id: None for a condition of the installation.
    :param ended_at: None while it holds.
    """

    alert_id: int
    kind: str
    account_id: int | None
    account_name: str | None
    severity: str
    summary: str
    remedy: str
    began_at: datetime
    ended_at: datetime | None

    @property
    def title(self) -> str:
        """Its kind and its account, on one line."""
        name = f" ({visible(self.account_name)})" if self.account_name else ""
        return TITLES.get(self.kind, self.kind) + (f": account {self.account_id}{name}" if self.account_id else "")

    def as_json(self) -> dict[str, Any]:
        """The values for programs that receive the message."""
        return {
            "kind": self.kind,
            "title": self.title,
            "account_id": self.account_id,
            "severity": self.severity,
            "summary": self.summary,
            "remedy": self.remedy,
            "began_at": self.began_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
        }


@dataclass(frozen=True)
class Message:
    """One message: every alert that began or ended since the last evaluation."""

    alerts: tuple[Alert, ...]

    @property
    def subject(self) -> str:
        """The first alert, and how many more there are."""
        first = self.alerts[0]
        state = "ended" if first.ended_at else first.severity
        more = f" and {len(self.alerts) - 1} more" if len(self.alerts) > 1 else ""
        return f"[Hostaway {state}] {first.title}{more}"

    @property
    def text(self) -> str:
        """Plain text, one paragraph for each alert."""
        parts = [_paragraph(alert) for alert in self.alerts[:_MOST_LINES]]
        if len(self.alerts) > _MOST_LINES:
            parts.append(f"{len(self.alerts) - _MOST_LINES} more: see the page Hostaway in Airflow.")
        return "\n\n".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"subject": self.subject, "alerts": [alert.as_json() for alert in self.alerts]}


def _paragraph(alert: Alert) -> str:
    summary = visible(alert.summary)
    if alert.ended_at:
        minutes = max(1, round((alert.ended_at - alert.began_at).total_seconds() / 60))
        return f"ENDED after {minutes} min. {alert.title}. It was: {summary}"
    return f"{alert.severity.upper()}. {alert.title}. {summary}\nWhat to do: {alert.remedy} (runbook: {alert.kind})"


def example_message() -> Message:
    """The message of `sync-hostaway alerts test`."""
    now = datetime.now(UTC)
    alert = Alert(0, "test", None, None, "warning", "This is a test. There is no problem.", "Nothing.", now, None)
    return Message((alert,))
