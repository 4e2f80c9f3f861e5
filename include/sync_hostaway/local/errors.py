"""What the embedded platform raises on purpose. A class's docstring is its default message.

LocalPlatformError
├── HomeNotUsable           the state directory cannot be written, or the disk is full
├── NotStarted              asked for something only a platform that was started once can tell
├── PortTaken               somebody else listens where we were told to
├── PostgresFailed          initdb or the server gave up; carries the end of its log
├── NoUnprivilegedAccount   run as root, and no way to run PostgreSQL without being root
├── ComponentDied           an Airflow process ended while starting or running
└── StartTimedOut           not healthy in time
"""

from __future__ import annotations

from sync_hostaway.exceptions import LocalPlatformError


class HomeNotUsable(LocalPlatformError):
    """The state directory cannot be used; set SYNC_HOSTAWAY_HOME to a writable one with 500 MB free."""


class NotStarted(LocalPlatformError):
    """The embedded platform has not been started here yet; `sync-hostaway local start` starts it."""


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
