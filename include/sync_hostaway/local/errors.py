"""What the embedded platform raises on purpose. A class's docstring is its default message.

LocalPlatformError
├── PortTaken               somebody else listens where we were told to
├── PostgresFailed          initdb or the server gave up; carries the end of its log
├── NoUnprivilegedAccount   run as root, and no way to run PostgreSQL without being root
├── ComponentDied           an Airflow process ended while starting or running
└── StartTimedOut           not healthy in time
"""

from __future__ import annotations

from sync_hostaway.core.exceptions import LocalPlatformError


class PortTaken(LocalPlatformError):
    """The port is taken; set AIRFLOW_PORT to a free one."""


class PostgresFailed(LocalPlatformError):
    """The embedded PostgreSQL did not start."""


class NoUnprivilegedAccount(LocalPlatformError):
    """PostgreSQL does not run as root, and no other way of running it is open here."""


class ComponentDied(LocalPlatformError):
    """An Airflow component ended by itself."""


class StartTimedOut(LocalPlatformError):
    """The embedded platform was not healthy in time."""
