"""The environment variables of Airflow's processes: their whole configuration.

Airflow reads no configuration file here, so this module has every option with its reason.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sync_hostaway.core.embedded import HOST
from sync_hostaway.core.exceptions import ConfigurationError, HomeNotUsable
from sync_hostaway.core.home import Home, write_json
from sync_hostaway.core.home_secrets import Secrets
from sync_hostaway.core.settings import REAL_API, SHORT_NAMES, is_loopback
from sync_hostaway.local.processes import MARKER

ADMIN = "admin"
BUNDLE = "hostaway"
# Would make a component import other modules or behave differently.
# PG*: would change what every URL of a database means; options of a warehouse elsewhere belong into its URL.
_FOREIGN = ("AIRFLOW_", "_AIRFLOW", "PYTHON", "PG", "DBT_")
# Passed to the platform: our settings, and Airflow's connections and variables.
_WANTED = ("AIRFLOW__HOSTAWAY__", "AIRFLOW_CONN_", "AIRFLOW_VAR_")
# Set by the platform, also if the caller sets them. HOSTAWAY_ACCOUNTS has API keys, which no component needs.
_DECIDED = ("accounts", "airflow_port", "api_url", "home", "secret_keys", "warehouse_url")
_DECIDED_NAMES = frozenset(
    [f"AIRFLOW__HOSTAWAY__{name.upper()}" for name in _DECIDED]
    + [SHORT_NAMES[name] for name in _DECIDED if name in SHORT_NAMES]
)
_API_WAREHOUSE_URL = "AIRFLOW__HOSTAWAY__API_WAREHOUSE_URL"
_LOOPBACK = ("127.0.0.1", "localhost")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
# The path of a Unix socket has at most 107 bytes, and some libraries create sockets in TMPDIR.
_LONGEST_TMPDIR = 80

SYNC_SLOTS = 8
# For deltas, transforms and maintenance.
_OTHER_SLOTS = 3
EXECUTOR = "sync_hostaway.airflow.local_executor.LocalExecutor"

_SETTINGS = {
    "CORE__EXECUTOR": EXECUTOR,
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__PARALLELISM": str(SYNC_SLOTS + _OTHER_SLOTS),
    # The default queries the resolver for a full name, which takes seconds if DNS does not answer.
    "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
    "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
    # The launcher migrates the schema before any component starts.
    "DATABASE__CHECK_MIGRATIONS": "False",
    "API__HOST": HOST,
    "API__WORKERS": "1",
    "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
    # Every step of a run waits for the scheduler's next round. Measured, a run of two tasks and the idle platform:
    # 1 s: 4.0 s, 6 % of a core; 0.5 s: 1.7 s, 9 %; 0.2 s: 0.9 s, 17 %.
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
    "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    # Tasks of a platform that was killed are retried after a minute, not after five.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
    # A task's supervisor may notice its end only at its next heartbeat; the default of 5 s keeps a slot busy as long.
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "LOGGING__COLORED_CONSOLE_LOG": "False",
    "COSMOS__ENABLE_TELEMETRY": "False",
}
_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "NO_COLOR": "1",
    # Users cannot act on deprecations inside Airflow and its providers.
    "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning",
    "PYTHONUNBUFFERED": "1",
    # Without this, a process that changes its title overwrites the environment with which we find it.
    "SPT_NOENV": "1",
}


@dataclass(frozen=True)
class AirflowSetup:
    """The values from which the environment is built."""

    home: Home
    project_root: Path
    port: int
    airflow_dsn: str
    warehouse_dsn: str
    secret_keys: str = field(repr=False)
    secrets: Secrets
    api_url: str | None = None
    # The URL with which the API server reads rows, unless the caller's environment has another one.
    api_warehouse_dsn: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """URL of Airflow's UI and API."""
        return f"http://{HOST}:{self.port}"

    def environment(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the complete environment of a component, based on the caller's.

        :raises HomeNotUsable: when Airflow would replace a part of a folder's name as a variable.
        :raises ConfigurationError: when Hostaway is reached by a proxy on which Airflow's tasks would fail.
        """
        caller = os.environ if inherited is None else inherited
        unusable = _unusable_proxies(caller, self.api_url or REAL_API)
        environment = {name: value for name, value in caller.items() if not _is_foreign(name) and name not in unusable}
        environment |= _ENVIRONMENT
        environment |= {f"AIRFLOW__{name}": value for name, value in (_SETTINGS | self._own_settings()).items()}
        environment |= {
            "AIRFLOW_HOME": str(self.home.airflow),
            "SYNC_HOSTAWAY_HOME": str(self.home.root),
            "AIRFLOW_PORT": str(self.port),
            "WAREHOUSE_URL": self.warehouse_dsn,
            "AIRFLOW__HOSTAWAY__SECRET_KEYS": self.secret_keys,
            MARKER: str(self.home.root),
        }
        if self.api_url:
            environment["HOSTAWAY_API_URL"] = self.api_url
        if self.api_warehouse_dsn and not environment.get(_API_WAREHOUSE_URL):
            environment[_API_WAREHOUSE_URL] = self.api_warehouse_dsn
        if len(str(self.home.tmp)) <= _LONGEST_TMPDIR:
            environment["TMPDIR"] = str(self.home.tmp)
        _refuse_what_airflow_expands([self.home.root, self.project_root], environment)
        return environment | _without_proxy(caller)

    def write_files(self) -> None:
        """Write the files that Airflow expects in its home."""
        # The password is generated here, because Airflow would print it into a log.
        write_json(passwords_file(self.home), {ADMIN: self.secrets.admin_password})
        configuration = self.home.airflow / "airflow.cfg"
        if not configuration.exists():
            # Without a file, four processes of Airflow would write one with all defaults at the same time.
            configuration.touch(mode=0o600)
            configuration.write_text("# Empty on purpose: the platform configures Airflow by environment variables.\n")

    def _own_settings(self) -> dict[str, str]:
        bundle = {
            "name": BUNDLE,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(self.project_root)},
        }
        logs = self.home.airflow / "logs"
        return {
            "CORE__DAGS_FOLDER": str(self.project_root / "dags"),
            "CORE__PLUGINS_FOLDER": str(self.project_root / "plugins"),
            "CORE__FERNET_KEY": self.secrets.airflow_fernet_key,
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(self.home)),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            # Named driver: which one plain `postgresql://` means depends on the version of SQLAlchemy.
            "DATABASE__SQL_ALCHEMY_CONN": self.airflow_dsn.replace("postgresql://", "postgresql+psycopg2://", 1),
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "COSMOS__CACHE_DIR": str(self.home.airflow / "cosmos"),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.home.airflow / "bundles"),
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": self.secrets.airflow_api_secret_key,
            "API_AUTH__JWT_SECRET": self.secrets.airflow_jwt_secret,
            "LOGGING__BASE_LOG_FOLDER": str(logs),
            "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
        }


def passwords_file(home: Home) -> Path:
    """File in which Airflow looks up the password of its user."""
    return home.airflow / "passwords.json"


def _is_foreign(name: str) -> bool:
    return name in _DECIDED_NAMES or (name.startswith(_FOREIGN) and not name.startswith(_WANTED))


def _refuse_what_airflow_expands(folders: Iterable[Path], environment: Mapping[str, str]) -> None:
    """Refuse folders with $: Airflow replaces $NAME and ${NAME} in its options, and would use another folder."""
    for folder in folders:
        for braced, plain in re.findall(r"\$(?:\{([^}]+)\}|(\w+))", str(folder)):
            if (name := braced or plain) in environment:
                raise HomeNotUsable(
                    f"Airflow cannot use {folder}: it replaces ${name} in it with the variable {name}. Use a folder "
                    "without $ in its path, for the project and for SYNC_HOSTAWAY_HOME."
                )


def _without_proxy(caller: Mapping[str, str]) -> dict[str, str]:
    """Exclude 127.0.0.1 from the proxy, because tasks use it to reach Airflow."""
    result = {}
    for name in ("NO_PROXY", "no_proxy"):
        listed = [host for host in caller.get(name, "").split(",") if host]
        result[name] = ",".join([*listed, *(host for host in _LOOPBACK if host not in listed)])
    return result


def _unusable_proxies(caller: Mapping[str, str], api_url: str) -> set[str]:
    """Return the variables with other proxies than HTTP, such as ALL_PROXY=socks5://….

    Airflow's tasks have an HTTP client without SOCKS. It fails on such a variable, also if its requests need no proxy.

    :param api_url: the Hostaway API.
    :raises ConfigurationError: when requests to Hostaway need one of them.
    """
    given = {name: value for name, value in caller.items() if name.lower() in _PROXIES and value}
    unusable = {name for name, value in given.items() if not _is_http(value)}
    in_use = [name for name in given.keys() - unusable if name.lower() == f"{urlsplit(api_url).scheme}_proxy"]
    if unusable and not in_use and not is_loopback(api_url):
        names = ", ".join(sorted(unusable))
        raise ConfigurationError(
            f"Airflow's tasks cannot use the proxy of {names}: they support HTTP proxies only. Set HTTPS_PROXY to one, "
            f"such as http://proxy:3128, or unset {names}."
        )
    return unusable


def _is_http(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
