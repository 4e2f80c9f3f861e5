"""Where a warehouse is whose owner is no superuser, and has a name and a password that need care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DATABASE = "w_ways"
USER, PASSWORD = 'o\'dd "röle"@x', "p@ss:w/örd ?#[]%41&=+\\' \""


@dataclass(frozen=True)
class Server:
    """Where the warehouse is, and who owns it."""

    port: int
    user: str = USER
    password: str = PASSWORD
    dbname: str = DATABASE

    @property
    def who(self) -> dict[str, Any]:
        """The parameters of a connection string beside host and port."""
        return {"user": self.user, "password": self.password, "dbname": self.dbname}
