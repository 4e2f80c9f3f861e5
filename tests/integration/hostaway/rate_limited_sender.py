"""A process that sends requests within the budget, as many threads as asked for; run by the tests.

It reads one JSON line of options, says "ready", waits for a line, and sends until its calls are used up. Each time that
it was kept from running for long it says "stalled": what it then sends may come later than the budget allows for.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import requests

from sync_hostaway.core.db import connect
from sync_hostaway.hostaway.budget_connection import BudgetConnection
from sync_hostaway.hostaway.rate_limiter import Priority, RateLimit, RateLimits, SharedRateLimiter


def _spend(options: dict[str, Any], account: dict[str, Any], calls: list[int], lock: threading.Lock) -> None:
    limits = RateLimits(RateLimit(*options["ip"]), RateLimit(*options["account"]), margin=options["margin"])
    budget = SharedRateLimiter(
        account["id"],
        Priority(account["priority"]),
        limits,
        connection=BudgetConnection(lambda: connect(options["dsn"])),
    )
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {account['token']}"

    def work() -> None:
        while True:
            with lock:
                if calls[0] <= 0:
                    return
                calls[0] -= 1
            with budget.permit():
                session.get(options["url"] + "/v1/listings", params={"limit": 1}, timeout=30)

    threads = [threading.Thread(target=work) for _ in range(account["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    budget.close()
    session.close()


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def watch(longest: float) -> None:
    """Say when this process was kept from running for longer than that."""
    last = time.monotonic()
    while True:
        time.sleep(0.02)
        now = time.monotonic()
        if now - last > longest:
            say("stalled")
        last = now


def main() -> None:
    """Spend what the options say."""
    options = json.loads(sys.stdin.readline())
    offset = options.get("clock_offset", 0.0)
    real_time = time.time
    time.time = lambda: real_time() + offset
    say("ready")
    sys.stdin.readline()
    threading.Thread(target=watch, args=(options["margin"] / 2,), daemon=True).start()
    accounts = [
        threading.Thread(target=_spend, args=(options, account, [account["calls"]], threading.Lock()))
        for account in options["accounts"]
    ]
    for thread in accounts:
        thread.start()
    for thread in accounts:
        thread.join()


if __name__ == "__main__":
    main()
