"""Checks of conversations and messages, which polls rely on."""

from __future__ import annotations

from datetime import timedelta

from sync_hostaway.core.exceptions import HostawayNotFound
from sync_hostaway.doctor.checks import NEWEST_RECEIVED, Checks, Examination, Result, rows_of, share_without
from sync_hostaway.doctor.finding import Status
from sync_hostaway.hostaway import endpoints
from sync_hostaway.hostaway.client import Params
from sync_hostaway.hostaway.pagination import id_of
from sync_hostaway.hostaway.values import as_timestamp

CHECKS = Checks()
_FEW = 10
_OLDEST_RECEIVED: Params = {"sortOrder": "lastConversationMessageReceived"}


@CHECKS.add("sort orders by message")
def _sort_orders(exam: Examination) -> Result:
    newest = [id_of(row) for row in exam.page(endpoints.RESERVATIONS, **NEWEST_RECEIVED, limit=_FEW).rows]
    oldest = [id_of(row) for row in exam.page(endpoints.RESERVATIONS, **_OLDEST_RECEIVED, limit=_FEW).rows]
    if len(newest) < 2:
        return Status.UNKNOWN, "there are fewer than two reservations"
    if newest != oldest:
        return Status.HOLDS, "the orders by newest and by oldest received message differ"
    detail = "the sort order is ignored: polls read whole lists once an hour in place of three calls every few minutes"
    return Status.FAILS, detail, {"polling": "list"}


@CHECKS.add("message stamps of conversations")
def _stamps_of_conversations(exam: Examination) -> tuple[Status, str]:
    rows = [row for row in rows_of(exam.conversations) if row.get("conversationMessages")]
    if not rows:
        return Status.UNKNOWN, "there is no conversation with a message"
    for stamp, what in (("messageReceivedOn", "received"), ("messageSentOn", "sent")):
        if share_without(rows, stamp) == 1:
            return (
                Status.FAILS,
                f"{stamp} is never filled: whether a message was {what} is seen only where the newest message of a "
                "conversation has another id",
            )
    return Status.HOLDS, "messageReceivedOn and messageSentOn are filled"


@CHECKS.add("newest message is first by its sort order")
def _newest_is_first(exam: Examination) -> tuple[Status, str]:
    stamps = [moment for row in rows_of(exam.conversations) if (moment := as_timestamp(row.get("messageReceivedOn")))]
    if not stamps:
        return Status.UNKNOWN, "no message was received"
    first = as_timestamp(exam.newest_conversation[1].get("messageReceivedOn")) if exam.newest_conversation else None
    if first and first >= max(stamps):
        return Status.HOLDS, "the first reservation has the newest message of the page of conversations"
    return Status.FAILS, "another conversation has a newer message: polls may find messages late"


@CHECKS.add("messages move the stamps of their reservation")
def _messages_move_stamps(exam: Examination) -> tuple[Status, str]:
    if exam.newest_conversation is None:
        return Status.UNKNOWN, "no message was received"
    reservation, conversation = exam.newest_conversation
    received = as_timestamp(conversation.get("messageReceivedOn"))
    stamps = [as_timestamp(reservation.get(name)) for name in ("latestActivityOn", "updatedOn")]
    if received and any(stamp and stamp >= received - timedelta(minutes=1) for stamp in stamps):
        return Status.HOLDS, "the reservation's stamps are not older than its newest message"
    return (
        Status.DIFFERS,
        "the reservation's stamps are older than its newest message: of two messages in a row to the newest "
        "conversation, polls find only the first, and the next whole list finds the second",
    )


@CHECKS.add("messages of a conversation")
def _messages(exam: Examination) -> tuple[Status, str]:
    conversation = next((row for row in rows_of(exam.conversations) if row.get("conversationMessages")), None)
    identity = id_of(conversation)
    if identity is None:
        return Status.UNKNOWN, "there is no conversation with a message"
    page = exam.page(endpoints.messages_of(identity), **endpoints.WITH_SCHEDULED, limit=exam.client.settings.page_size)
    if page.count is None:
        return Status.FAILS, "the list has no count of its messages: none is ever marked as deleted"
    if len(page.rows) < min(page.count, endpoints.DEFAULT_LIMIT):
        return Status.DIFFERS, f"{len(page.rows)} of {page.count} messages came on a page"
    message = next((number for row in page.rows if (number := id_of(row)) is not None), None)
    if message is not None:
        try:
            exam.client.get(f"{endpoints.messages_of(identity)}/{message}")
        except HostawayNotFound:
            return (
                Status.FAILS,
                "a message cannot be requested by its id: if a list is truncated, existing messages would be "
                "marked as deleted",
            )
    return Status.HOLDS, "the list has a count, and a message can be requested by its id"
