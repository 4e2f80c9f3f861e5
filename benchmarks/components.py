"""Memory of each component of the embedded platform, with one account and with 1,000."""

from __future__ import annotations

import psutil

from benchmarks.mirrored import MirroredPlatform
from benchmarks.options import Options
from benchmarks.report import Result
from sync_hostaway.core.dag_ids import sync_dag_id
from sync_hostaway.core.db import connect
from sync_hostaway.local.platform import Platform

_ACCOUNTS = range(1_001, 2_000)
_TIMEOUT = 300.0


def run(options: Options) -> list[Result]:
    """Start the platform, which has one account, and register more. No account is synced."""
    result = Result("components: memory of the embedded platform, MB", ("component", "1 account", "1,000 accounts"))
    with MirroredPlatform(options.say) as bench:
        few = _memory(bench.platform)
        options.say(f"components: {len(_ACCOUNTS)} more accounts")
        with connect() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.accounts (account_id) values (%s)", [(account_id,) for account_id in _ACCOUNTS]
            )
        with bench.platform.api() as api:
            api.wait_for_dags({sync_dag_id(account_id) for account_id in _ACCOUNTS}, _TIMEOUT)
        many = _memory(bench.platform)
    for name, megabytes in many.items():
        result.rows.append([name, f"{few[name]:,.0f}", f"{megabytes:,.0f}"])
    result.rows.append(["all", f"{sum(few.values()):,.0f}", f"{sum(many.values()):,.0f}"])
    result.raw = [{"accounts": 1, **few}, {"accounts": 1 + len(_ACCOUNTS), **many}]
    result.notes.append("PSS of each component with its children: memory that n processes share counts a nth for each.")
    return [result]


def _memory(platform: Platform) -> dict[str, float]:
    """MB of each component."""
    return {part.name: sum(map(_pss, _tree(part.pid))) for part in platform.status().components if part.pid is not None}


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _pss(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
