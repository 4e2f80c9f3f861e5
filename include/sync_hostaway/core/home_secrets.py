"""Secrets of one embedded platform: generated at first use, then kept."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field, fields

from cryptography.fernet import Fernet

from sync_hostaway.core.exceptions import LocalPlatformError
from sync_hostaway.core.home import Home, read_json, write_json


def _fernet_key() -> str:
    return Fernet.generate_key().decode()


@dataclass(frozen=True)
class Secrets:
    """Every secret of a home. Only the login password is ever shown."""

    airflow_fernet_key: str = field(default_factory=_fernet_key, repr=False)
    airflow_jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    airflow_api_secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    postgres_password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    api_login_password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    hostaway_secret_keys: str = field(default_factory=_fernet_key, repr=False)

    @classmethod
    def ensure(cls, home: Home) -> Secrets:
        """Return the secrets of a home. Missing ones are generated.

        :raises LocalPlatformError: when the file is missing but the database exists that needs it. New secrets would
            only hide the loss.
        """
        with home.locked("secrets"):
            stored = read_json(home.secrets)
            if not stored and (home.postgres / "data" / "PG_VERSION").exists():
                raise LocalPlatformError(
                    f"{home.secrets} is missing or unreadable, and the data in {home.postgres} cannot be opened "
                    f"without it. Restore that file, or remove {home.root} to start with an empty state."
                )
            found = cls(**{f.name: stored[f.name] for f in fields(cls) if stored.get(f.name)})
            if asdict(found) != stored:
                write_json(home.secrets, asdict(found))
            return found
