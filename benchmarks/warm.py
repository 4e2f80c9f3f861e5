"""Reads everything once before the first measurement: the simulator makes an object when it is first asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from benchmarks.environment import ACCOUNT, Simulator

# The variants that the clients ask for: with everything attached, and without.
_VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"includeResources": 1},
    {"includeResources": 1, "includePayments": 1, "includeCancellationPolicy": 1},
)


def warm(simulator: Simulator, resources: tuple[str, ...]) -> None:
    """Read every list in every variant, and every conversation's messages when they are wanted."""
    truth = simulator.control.truth(ACCOUNT)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {simulator.token()}"

    def read(path: str, params: dict[str, Any]) -> None:
        session.get(f"{simulator.url}/v1/{path}", params=params, timeout=60).raise_for_status()

    with ThreadPoolExecutor(4) as pool:
        for name in ("listings", "reservations", "conversations"):
            for variant in _VARIANTS:
                for offset in range(0, truth["counts"][name], 100):
                    pool.submit(read, name, {**variant, "limit": 100, "offset": offset})
        if "messages" in resources:
            for conversation in truth["ids"]["conversations"]:
                pool.submit(read, f"conversations/{conversation}/messages", {"includeScheduledMessages": 1})
    session.close()
