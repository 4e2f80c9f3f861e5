"""Unified webhooks: registration with the probe, delivery with the documented retries, the delivery log."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from sync_hostaway.simulator.config import SimulatorConfig
from sync_hostaway.simulator.data.clock import DAY, Clock
from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.http.attach import encode

RETRY_DELAYS = (60.0, 600.0, 2_400.0)
DISABLE_AFTER = 5 * DAY
EVENTS = {
    "reservation.created": "reservation",
    "reservation.updated": "reservation",
    "message.received": "conversationMessage",
}
_WRITABLE = ("isEnabled", "url", "login", "password", "alertingEmailAddress", "events")
# Seconds that a receiver has to answer in.
_TIMEOUT = 20.0
_NO_ANSWER = 0
_BODY_KEPT = 500


class WebhookRefused(ValueError):
    """The webhook cannot be registered."""


@dataclass(slots=True)
class Webhook:
    """A registered webhook; `failing_since` in monotonic seconds, None while deliveries work."""

    account_id: int
    row: JsonObject
    failing_since: float | None = None


@dataclass
class Mischief:
    """Injected disorder: how many of the next deliveries come twice, are overtaken, or have a body encoded twice."""

    duplicates: int = 0
    encoded_twice: int = 0
    overtaken: int = 0
    held: list[tuple[Webhook, JsonObject, int]] = field(default_factory=list)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class Webhooks:
    """All webhooks of all accounts. Must be used inside the running event loop."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.clear()

    def clear(self) -> None:
        """Forget webhooks, logs and pending deliveries."""
        for task in self._tasks:
            task.cancel()
        self._hooks: dict[int, Webhook] = {}
        self._next_id = 1
        self.logs: list[JsonObject] = []
        self.deliveries = 0
        self.mischief = Mischief()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @property
    def pending(self) -> int:
        """Deliveries that are under way or wait for a retry or to be overtaken."""
        return len(self._tasks) + len(self.mischief.held)

    def of_account(self, account_id: int) -> list[Webhook]:
        return [hook for hook in self._hooks.values() if hook.account_id == account_id]

    def get(self, account_id: int, id: int) -> Webhook | None:
        hook = self._hooks.get(id)
        return hook if hook is not None and hook.account_id == account_id else None

    async def save(self, account_id: int, body: JsonObject, clock: Clock, hook: Webhook | None = None) -> Webhook:
        """Create a webhook, or update the one given; raises WebhookRefused when the url does not pass the probe."""
        fields = {name: body[name] for name in _WRITABLE if name in body}
        if not isinstance(fields.get("events", []), list):
            raise WebhookRefused("events must be an array")
        url = fields.get("url") if hook is None else fields.get("url", hook.row["url"])
        if not isinstance(url, str) or not url:
            raise WebhookRefused("url is required")
        if hook is None or url != hook.row["url"]:
            self._check_port(url)
            await self._probe(url)
        if hook is None:
            row: JsonObject = {"id": self._next_id, "accountId": account_id, "isEnabled": 1}
            row.update(dict.fromkeys(("login", "password", "alertingEmailAddress")), events=list(EVENTS))
            row["insertedOn"] = clock.timestamp()
            hook = self._hooks[self._next_id] = Webhook(account_id, row)
            self._next_id += 1
        hook.row.update(fields, updatedOn=clock.timestamp())
        hook.row["isEnabled"] = int(bool(hook.row["isEnabled"]))
        if hook.row["isEnabled"]:
            hook.failing_since = None
        return hook

    def _check_port(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise WebhookRefused("url has an invalid port") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise WebhookRefused("url is not valid")
        if port is not None and not _is_loopback(parts.hostname):
            raise WebhookRefused("url must not contain a port")

    async def _probe(self, url: str) -> None:
        """The url must answer 200 to a GET without credentials and to a POST without object and event."""
        session = await self._client()
        try:
            async with session.get(url) as got:
                status = got.status
            if status == 200:
                async with session.post(url, json={"data": "test"}) as posted:
                    status = posted.status
        except (aiohttp.ClientError, TimeoutError):
            raise WebhookRefused("url is unreachable") from None
        if status != 200:
            raise WebhookRefused(f"url answered {status} to the test request")

    def delete(self, id: int) -> None:
        del self._hooks[id]

    async def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT))
        return self._session

    def emit(self, account_id: int, event: str, data: JsonObject) -> int:
        """Send an event to every enabled webhook of the account; returns to how many."""
        hooks = [hook for hook in self.of_account(account_id) if hook.row["isEnabled"] and event in hook.row["events"]]
        body = {"object": EVENTS[event], "event": event, "accountId": account_id}
        for hook in hooks:
            self._dispatch(hook, {**body, "data": data})
        return len(hooks)

    def _dispatch(self, hook: Webhook, body: JsonObject) -> None:
        mischief = self.mischief
        copies = 1
        if mischief.duplicates:
            mischief.duplicates -= 1
            copies = 2
        if mischief.overtaken:
            mischief.overtaken -= 1
            mischief.held.append((hook, body, copies))
            return
        held, mischief.held = mischief.held, []
        deliveries = [(hook, body)] * copies + [(late, what) for late, what, times in held for _ in range(times)]
        task = asyncio.get_running_loop().create_task(self._deliver_all(deliveries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self, deliveries: list[tuple[Webhook, JsonObject]]) -> None:
        """One after the other, as the order between them is the point."""
        for hook, body in deliveries:
            await self._deliver(hook, body)

    async def _deliver(self, hook: Webhook, body: JsonObject) -> None:
        """Deliver with retries: after connection errors, 5xx and 429, never after other refusals."""
        scale = self._config.webhook_time_scale
        for delay in (*RETRY_DELAYS, None):
            status, answer = await self._post(hook, body)
            self._log(hook, body, status, answer)
            if status not in (_NO_ANSWER, 429) and status < 500:
                break
            if delay is not None:
                await asyncio.sleep(delay * scale)
                if not hook.row["isEnabled"]:
                    return
        self._judge(hook, status)

    def _judge(self, hook: Webhook, status: int) -> None:
        now = time.monotonic()
        if 200 <= status < 300:
            hook.failing_since = None
        elif hook.failing_since is None:
            hook.failing_since = now
        elif now - hook.failing_since >= DISABLE_AFTER * self._config.webhook_time_scale:
            hook.row["isEnabled"] = 0

    async def _post(self, hook: Webhook, body: JsonObject) -> tuple[int, str]:
        session = await self._client()
        row = hook.row
        headers = {"Content-Type": "application/json"}
        if row.get("login"):
            credentials = f"{row['login']}:{row.get('password') or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        self.deliveries += 1
        content = encode(body)
        if self.mischief.encoded_twice:
            self.mischief.encoded_twice -= 1
            content = encode(content.decode("ascii"))
        try:
            async with session.post(row["url"], data=content, headers=headers) as response:
                text = await response.text(errors="replace")
                return response.status, text[:_BODY_KEPT]
        except (aiohttp.ClientError, TimeoutError) as error:
            return _NO_ANSWER, type(error).__name__

    def _log(self, hook: Webhook, body: JsonObject, status: int, answer: str) -> None:
        data = body["data"]
        self.logs.append(
            {
                "id": len(self.logs) + 1,
                "accountId": hook.account_id,
                "unifiedWebhookId": hook.row["id"],
                "listingMapId": data.get("listingMapId"),
                "object": body["object"],
                "objectId": data.get("id"),
                "event": body["event"],
                "responseStatus": status or None,
                "responseBody": answer,
            }
        )
