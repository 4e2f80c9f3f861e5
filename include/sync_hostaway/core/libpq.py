"""Connection strings of libpq. Every part of the project finds the warehouse with these functions.

A URL or `key=value` text may have any parameter of libpq. Every driver gets all of them.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import AsyncConnection, Connection, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sync_hostaway.core.database_url import how_to_write, plain
from sync_hostaway.core.exceptions import ConfigurationError

_CONNECT_TIMEOUT = 10
# Not needed for a second connection: an open connection has the parameters that these led to.
_SETTLED = ("service", "servicefile")


def parameters_of(dsn: str) -> dict[str, str]:
    """Return the parameters of a connection string.

    :raises ConfigurationError: when libpq cannot read it. The message does not quote it, because of the password.
    """
    try:
        # Where the locale is C, Python reads each byte of an umlaut in the environment as a surrogate.
        dsn = plain(dsn.encode("utf-8", "surrogateescape").decode("utf-8"))
        found = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except (psycopg.Error, UnicodeError, ValueError):
        raise _unreadable(dsn) from None
    if not all(port.isdecimal() for port in found.get("port", "").split(",") if port):
        # The password has a slash: its beginning was taken for the port, which messages show.
        raise _unreadable(dsn)
    return found


def _unreadable(dsn: str) -> ConfigurationError:
    return ConfigurationError(f"WAREHOUSE_URL is not a URL that libpq understands: {how_to_write(dsn)}")


def connection_string(dsn: str, application: str, *, connect_timeout: int = _CONNECT_TIMEOUT) -> str:
    """Return a connection string with our defaults for parameters that it does not set.

    :param application: the name that PostgreSQL shows, unless the string has one.
    :param connect_timeout: seconds per host, unless the string or its service sets a timeout.
    """
    given = parameters_of(dsn)
    defaults: dict[str, Any] = {"fallback_application_name": application}
    if "service" not in given and not os.environ.get("PGSERVICE"):
        defaults["connect_timeout"] = os.environ.get("PGCONNECT_TIMEOUT") or connect_timeout
    return make_conninfo("", **{**defaults, **given})


def explicit(dsn: str) -> str:
    """Return a connection string that means the same in another environment: with the values of PGHOST and others.

    The string does not change if the environment has no such variable.
    """
    given = parameters_of(dsn)
    service = os.environ.get("PGSERVICE")
    added = {
        option.keyword.decode(): option.val.decode()
        for option in pq.Conninfo.get_defaults()
        if option.val and option.val != option.compiled and (service or _is_set(option.envvar))
    }
    # The other parameters include those of the service.
    added = {name: value for name, value in added.items() if name not in (*given, *_SETTLED)}
    return make_conninfo("", **added, **given) if added else plain(dsn)


def string_of(connection: Connection[Any] | AsyncConnection[Any]) -> str:
    """Return a connection string, with the password, that opens a connection like this one."""
    parameters = connection.info.get_parameters()
    if connection.info.password:
        parameters["password"] = connection.info.password
    return make_conninfo("", **{name: value for name, value in parameters.items() if name not in _SETTLED})


def url_of(dsn: str) -> str:
    """A connection string as a URL, which needs no quotes in a file of environment variables."""
    rest = dict(sorted(parameters_of(dsn).items()))
    user, password = quote(rest.pop("user", ""), safe=""), quote(rest.pop("password", ""), safe="")
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    database = quote(rest.pop("dbname", ""), safe="")
    # A list of hosts, or a folder with a socket, is a parameter like the others.
    host = rest.get("host", "")
    place = ""
    if re.fullmatch(r"[\w.-]+", host, re.ASCII) and "," not in rest.get("port", ""):
        place = rest.pop("host") + (f":{port}" if (port := rest.pop("port", "")) else "")
    parameters = urlencode(rest, quote_via=quote)
    return f"postgresql://{login}{place}/{database}" + (f"?{parameters}" if parameters else "")


def place_of(dsn: str) -> str:
    """Return host, port and database of a connection string for messages, never the password."""
    given = parameters_of(dsn)
    if "host" not in given and "service" in given:
        return f"the service {given['service']}"
    host = given.get("host") or given.get("hostaddr") or "localhost"
    port = given.get("port") or "5432"
    database = given.get("dbname") or given.get("user") or "?"
    hosts, ports = host.split(","), port.split(",")
    places = [f"{name}:{ports[number] if len(ports) == len(hosts) else port}" for number, name in enumerate(hosts)]
    return f"{', '.join(places)}, database {database}"


def _is_set(variable: bytes | None) -> bool:
    return variable is not None and bool(os.environ.get(variable.decode()))
