"""The messages of a conversation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import Path, Request, Response, Security
from pydantic import BaseModel, Field

from sync_hostaway.accounts.api_tokens import ApiToken, Scope
from sync_hostaway.api.account_session import account_rows
from sync_hostaway.api.auth.api_token import require_token
from sync_hostaway.api.http.guarded import guarded_router
from sync_hostaway.api.http.inputs import Id
from sync_hostaway.api.http.problems import not_found
from sync_hostaway.api.http.responses import AFTER_ID, Answer, Cursor, PageSize, page_of, read_cursor, respond
from sync_hostaway.core.db import load_queries
from sync_hostaway.core.resources import Resource

_QUERIES = load_queries(FilePath(__file__).with_suffix(".sql"))

router = guarded_router(tags=["conversations"])


class Message(BaseModel):
    """A message of a conversation."""

    message_id: int = Field(examples=[270000123])
    reservation_id: int | None = Field(examples=[20117])
    body: str | None = Field(description="Plain text, or HTML in e-mails", examples=["When can we check in?"])
    subject: str | None = Field(description="Of an e-mail", examples=[None])
    channel_type: str | None = Field(description="email, channel, sms, whatsapp", examples=["channel"])
    status: str | None = Field(
        description="sent; if not sent: awaiting, paused, failed, cancelled_by_user or cancelled_by_system",
        examples=["sent"],
    )
    sender: str | None = Field(description="guest, automation, staff, host", examples=["guest"])
    is_incoming: bool | None = Field(description="From the guest", examples=[True])
    is_seen: bool | None = Field(description="Read by the host", examples=[True])
    attachments_count: int | None = Field(examples=[0])
    sent_at: datetime | None = Field(
        description="When it was sent or received; for a scheduled message, when it is due",
        examples=["2026-02-01T08:00:00Z"],
    )


class Messages(Answer):
    """A page of messages, by id."""

    conversation_id: int = Field(examples=[701123])
    messages: list[Message]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page", examples=["MTAwMDI"])


@router.get(
    "/v1/conversations/{conversation_id}/messages", response_model=Messages, summary="The messages of a conversation"
)
def get_messages(
    request: Request,
    conversation_id: Annotated[Id, Path(description="Hostaway's id of the conversation")],
    token: Annotated[ApiToken, Security(require_token, scopes=[Scope.READ_RESERVATIONS])],
    cursor: Cursor = None,
    limit: PageSize = 100,
) -> Response:
    """Ordered by id. This is nearly the order of writing; `sent_at` gives the exact order."""
    with account_rows(request.app.state.pool, token.account_id, Resource.MESSAGES) as rows:
        if rows.one(_QUERIES["conversation"], conversation_id=conversation_id) is None:
            raise not_found(f"conversation {conversation_id}")
        after = read_cursor(cursor, AFTER_ID, 0)
        found = rows.all(_QUERIES["messages"], conversation_id=conversation_id, after=after, rows=limit + 1)
    messages, next_cursor = page_of(found, limit, "message_id")
    return respond(request, rows.as_of, conversation_id=conversation_id, messages=messages, next_cursor=next_cursor)
