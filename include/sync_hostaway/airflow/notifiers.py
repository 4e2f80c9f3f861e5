"""Sends alert messages with Airflow's notifiers: e-mail, Slack, and any program that takes JSON over HTTP."""

from __future__ import annotations

import logging
from html import escape
from typing import Any, Protocol

import structlog

from sync_hostaway.core.exceptions import ConfigurationError
from sync_hostaway.core.settings import Settings

log = structlog.get_logger(__name__)


class _Message(Protocol):
    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    def as_json(self) -> dict[str, Any]: ...


class AlertNotSent(ConfigurationError):
    """An alert message could not be sent."""


def has_notifiers(settings: Settings) -> bool:
    """Whether the settings name a receiver of alerts."""
    return bool(settings.alert_emails or settings.alert_slack_connection or settings.alert_http_connection)


def send(message: _Message, settings: Settings) -> list[str]:
    """Send a message to all receivers of the settings; returns the receivers.

    :raises AlertNotSent: when no notifier could send it. When some could, the others are named in the log: a message
        that was sent is not sent again.
    """
    notifiers = _notifiers(message, settings)
    sent, failed = [], []
    for name, notifier in notifiers.items():
        try:
            notifier.notify({})
            sent.append(name)
        except Exception as error:  # noqa: BLE001 - hooks raise errors of any kind; their text may hold a password
            failed.append(f"{name} ({type(error).__name__})")
            log.warning("alert_not_sent", notifier=name, error=type(error).__name__)
    if not sent:
        raise AlertNotSent(
            f"The alert was not sent: {', '.join(failed)}. Check the connections in Airflow"
            if failed
            else "No notifier is set: AIRFLOW__HOSTAWAY__ALERT_EMAILS, ALERT_SLACK_CONNECTION or ALERT_HTTP_CONNECTION"
        )
    return sent


def _notifiers(message: _Message, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if settings.alert_emails:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        found["e-mail"] = SmtpNotifier(
            to=list(settings.alert_emails),
            from_email=settings.alert_email_from,
            subject=message.subject,
            html_content=f"<pre>{escape(message.text)}</pre>",
        )
    if settings.alert_slack_connection:
        from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        slack = SlackWebhookNotifier(
            slack_webhook_conn_id=settings.alert_slack_connection,
            # Slack reads <…> and & as markup
            text=escape(f"{message.subject}\n{message.text}", quote=False),
        )
        # Slack's client reads the level of its logger. Outside of Airflow's processes, a hook's logger has none
        slack.hook = SlackWebhookHook(
            slack_webhook_conn_id=settings.alert_slack_connection, logger=logging.getLogger(__name__)
        )
        found["Slack"] = slack
    if settings.alert_http_connection:
        from airflow.providers.http.notifications import HttpNotifier

        found["HTTP"] = HttpNotifier(
            http_conn_id=settings.alert_http_connection,
            json=message.as_json(),
            # A program that does not answer must not delay the next evaluation. A redirect is an error: its target
            # would get the alert and the credentials of the connection, or the alert would be lost as a GET.
            extra_options={"timeout": 20, "max_redirects": 0},
        )
    return found
