"""Each path reaches the same route behind a proxy that removes the base path and behind one that keeps it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from sync_hostaway.airflow.base_path import BasePath

WEBHOOK = "/hostaway/webhooks/key"


def path_seen(path: str, root: str) -> str:
    """The path that Airflow gets."""
    seen: list[str] = []

    async def airflow(scope: Any, _: Any, __: Any) -> None:
        seen.append(scope["path"])

    scope = {"type": "http", "path": path, "raw_path": path.encode(), "root_path": root}
    anyio.run(BasePath(airflow), scope, None, None)
    return seen[0]


@pytest.mark.parametrize("root", ["", "/airflow", "/a/b", "/hostaway", "/api", "/v2"])
@pytest.mark.parametrize("path", [WEBHOOK, "/hostaway/v1/listings", "/api/v2/version", "/execution/health", "/dags"])
def test_a_removed_prefix_is_added_and_a_kept_one_is_not(root: str, path: str) -> None:
    assert path_seen(path, root) == root + path
    assert path_seen(root + path, root) == root + path


@pytest.mark.parametrize("root", ["", "/airflow", "/hostaway"])
@pytest.mark.parametrize("public", ["/airflow", "/hooks", "/hostaway", "/airflow/hooks"])
def test_a_webhook_arrives_below_each_public_path(monkeypatch: pytest.MonkeyPatch, root: str, public: str) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", f"https://example.com{public}/")
    for path in (public + WEBHOOK, WEBHOOK):
        assert path_seen(path, root) == root + WEBHOOK, path
