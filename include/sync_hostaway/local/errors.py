"""All exceptions of the embedded platform. The docstring of a class is its default message.

LocalPlatformError
├── PortTaken               another process listens on the requested port
├── PostgresFailed          initdb or the server failed; has the end of its log
├── NoUnprivilegedAccount   the user is root, and PostgreSQL cannot run as another user
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
    """PostgreSQL does not run as root, and it cannot run as another user on this machine."""


class ComponentDied(LocalPlatformError):
    """An Airflow component ended unexpectedly."""


class StartTimedOut(LocalPlatformError):
    """The embedded platform was not healthy in time."""
