"""Sends a guest message: the only route for host applications that changes data."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import structlog
from fastapi import Header, Request, Response, Security
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sync_hostaway.accounts.api_tokens import ApiToken, Scope
from sync_hostaway.api.account_session import account_rows
from sync_hostaway.api.auth.api_token import require_token
from sync_hostaway.api.http.bulkheads import Background, in_bulkhead
from sync_hostaway.api.http.guarded import body_limit, guarded_router
from sync_hostaway.api.http.inputs import Id
from sync_hostaway.api.http.openapi_errors import errors
from sync_hostaway.api.http.problems import Problem, not_found
from sync_hostaway.core.db import connect, load_queries
from sync_hostaway.core.exceptions import SyncHostawayError
from sync_hostaway.core.resources import Resource
from sync_hostaway.core.run_trigger import RunTrigger
from sync_hostaway.events.run_requests import request_delta
from sync_hostaway.messaging.outbox import SETTLING_SECONDS, BeingSent, KeyReused, NoConversation, Outbox
from sync_hostaway.messaging.outbox_store import Draft, Entry, SendLimitReached

log = structlog.get_logger(__name__)
_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))

# Bytes: the longest message, with each character written as two escapes of six bytes.
_BODY_LIMIT = 131_072

router = guarded_router(tags=["messages"])

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="Chosen by the caller, one per message, for example a UUID. Repeated requests with the same key "
        "send the message at most once",
        examples=["0b0e7b0c-6d0f-4a51-9f2a-4a7f3d1a6c11"],
    ),
]


def _is_visible(text: str) -> str:
    # The guest would get an empty message, for example from zero-width characters.
    if all(unicodedata.category(character)[0] in "CZ" for character in text):
        raise ValueError("the message has no visible characters")
    return text


class MessageToSend(BaseModel):
    """A message to the guest of a reservation."""

    model_config = ConfigDict(extra="forbid")

    reservation_id: Id = Field(
        description="Hostaway's id of the reservation whose guest gets the message", examples=[20117]
    )
    message: Annotated[str, AfterValidator(_is_visible)] = Field(
        min_length=1,
        max_length=10_000,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="The text for the guest",
        examples=["Your room is ready from 14:00."],
    )
    channel_type: Literal["email", "channel", "sms", "whatsapp"] = Field(
        description="How the message is sent. `channel` uses the booking channel, such as Airbnb or Booking.com",
        examples=["channel"],
    )


class SentMessage(BaseModel):
    """A message that Hostaway accepted."""

    state: Literal["sent"]
    message_id: int = Field(description="Hostaway's message id", examples=[270000123])
    conversation_id: int = Field(examples=[701123])
    reservation_id: int = Field(examples=[20117])
    channel_type: str = Field(examples=["channel"])
    status: str | None = Field(description="Hostaway's status of the message", examples=["sent"])


@router.post(
    "/v1/send-message",
    response_model=SentMessage,
    summary="Send a message to a guest",
    responses=errors(
        s400="The body is not JSON",
        s404="There is no such reservation in this account",
        s409="A request with this key is in progress; or the account is not active; or it is unknown whether the "
        "message was sent; see `type`",
        s422="The request is invalid, its key was used for another message, there is no conversation, or the "
        "message has failed; see `type`",
        s429="The token or the account has reached its limit; retry after `Retry-After`",
        s502="Hostaway did not accept a request",
        s504="Hostaway did not answer. It is unknown whether the message was sent, and it is not sent again. Repeat "
        "the request with the same key after `Retry-After`",
    ),
)
@body_limit(_BODY_LIMIT)
@in_bulkhead("sending")
def send_message(
    request: Request,
    background: Background,
    token: Annotated[ApiToken, Security(require_token, scopes=[Scope.SEND_MESSAGES])],
    message: MessageToSend,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Send a message at most once per `Idempotency-Key`, also when the request is repeated.

    If Hostaway does not answer, the state is `unknown`. A repeated request then searches the conversation for the
    message. A sent message lands at once and is in the core tables a few seconds later.
    """
    draft = Draft(message.reservation_id, message.message, message.channel_type)
    entry = _send(request, token.account_id, idempotency_key, draft)
    if entry.state == "sent":
        background.run(_request_delta_run, request.app.state.trigger)
        return Response(_sent(entry).model_dump_json(), media_type="application/json")
    raise _not_sent(entry)


def _send(request: Request, account_id: int, key: str, draft: Draft) -> Entry:
    with account_rows(request.app.state.pool, account_id, Resource.RESERVATIONS) as rows:
        known = rows.one(_QUERIES["reservation"], reservation_id=draft.reservation_id)
    if known is None:
        raise not_found(f"reservation {draft.reservation_id}")
    try:
        # Not a connection of the pool, which is for queries of milliseconds.
        with connect(application="sync-hostaway outbox") as connection:
            return Outbox(connection, account_id).send(key, draft)
    except (KeyReused, BeingSent, NoConversation, SendLimitReached) as error:
        raise _refusal(error) from None


def _sent(entry: Entry) -> SentMessage:
    return SentMessage.model_validate(
        {
            "state": entry.state,
            "message_id": entry.message_id,
            "conversation_id": entry.conversation_id,
            "reservation_id": entry.reservation_id,
            "channel_type": entry.channel_type,
            "status": entry.message_status,
        }
    )


def _not_sent(entry: Entry) -> Problem:
    if entry.state == "failed":
        reason = (entry.reason or "").rstrip(".")
        detail = f"The message has failed: {reason}. A new attempt needs a new key."
        return Problem(422, "message-refused", "The message has failed", detail, state=entry.state)
    risk = "It is not sent again with this key. A new key sends it again, and the guest may then get it twice."
    if entry.is_closed:
        detail = f"Hostaway did not answer, and the conversation did not show the message within a day. {risk}"
        return Problem(409, "message-unknown", "It is not known whether the message was sent", detail, state="unknown")
    wait = SETTLING_SECONDS - entry.age if entry.age < SETTLING_SECONDS else SETTLING_SECONDS
    return Problem(
        504,
        "message-unknown",
        "It is not known whether the message was sent",
        "Hostaway did not answer, and the conversation does not show the message yet. Repeat the request with the same "
        f"key: it reads the conversation again. {risk}",
        headers={"Retry-After": str(math.ceil(wait))},
        state="unknown",
    )


def _refusal(error: SyncHostawayError) -> Problem:
    if isinstance(error, KeyReused):
        detail = "This Idempotency-Key was used for another message. A new message needs a new key."
        return Problem(422, "idempotency-key-reused", "The key was used for another message", detail)
    if isinstance(error, BeingSent):
        detail = "Another request with this Idempotency-Key is in progress. Repeat the request in a moment."
        return Problem(409, "being-sent", "The message is being sent", detail, headers={"Retry-After": "1"})
    if isinstance(error, SendLimitReached):
        seconds = str(math.ceil(error.seconds))
        detail = f"This account has sent as many messages as its limit allows; the next is permitted in {seconds} s."
        return Problem(429, "send-limit", "Too many messages", detail, headers={"Retry-After": seconds})
    detail = "Hostaway has no conversation for this reservation, and its API cannot start one."
    return Problem(422, "no-conversation", "There is no conversation", detail)


def _request_delta_run(trigger: RunTrigger) -> None:
    try:
        request_delta(trigger)
    except Exception as error:  # noqa: BLE001 - the message is sent in any case, and its event is stored
        log.warning("delta_run_not_requested", error=f"{type(error).__name__}: {error}")
