"""Conversations and their messages from the seed, built at the first read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from sync_hostaway.simulator.data.clock import DAY, parse_stamp, stamp
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.recorded import template
from sync_hostaway.simulator.data.reservation_copies import reduced
from sync_hostaway.simulator.data.reservations import AIRBNB
from sync_hostaway.simulator.data.rows import ConversationRow, JsonObject, ReservationRow
from sync_hostaway.simulator.data.seeds import mix, stream
from sync_hostaway.simulator.data.texts import AUTOMATIONS, GUEST_MESSAGES, HOST_MESSAGES, HTML_REPLIES

_CONVERSATIONS, _MESSAGES = 41, 42
_EMPTY_SHARE = 0.03
_MOST_MESSAGES = 60
_TEMPLATE = template("conversation.conversationMessages[]")
# Keys of the copy embedded in conversations that the messages endpoint does not send.
_EMBEDDED_ONLY = frozenset({"sentToChannelDate", "Reservation", "ListingMap", "Conversation"})
SENT = "sent"


class Step(NamedTuple):
    """One message of a conversation before it has words."""

    moment: int
    incoming: bool
    automation: int | None
    status: str


def rows(
    seed: int, account_id: int, count: int, average: float, reservations: Sequence[ReservationRow]
) -> list[ConversationRow]:
    """`count` conversations, one per reservation as long as there are enough reservations."""
    rng = stream(seed, account_id, _CONVERSATIONS)
    chosen = list(range(len(reservations)))
    rng.shuffle(chosen)
    target = average / (1 - _EMPTY_SHARE)
    rate = math.log(1 + 1 / (target - 1)) if target > 1.01 else 5.0
    base = 10_000_000 + (account_id % 200) * 10_000_000
    result = []
    for index in range(count):
        reservation = reservations[chosen[index % len(chosen)]]
        planned = 0 if rng.random() < _EMPTY_SHARE else min(_MOST_MESSAGES, 1 + int(rng.expovariate(rate)))
        span = (parse_stamp(reservation.inserted_on), parse_stamp(reservation.activity_on))
        conversation = ConversationRow(base + index * 3 + int(rng.random() * 3), index, reservation.id, planned, span)
        reservation.conversations = (*reservation.conversations, conversation.id)
        result.append(conversation)
    return result


def outline(seed: int, account_id: int, conversation: ConversationRow, anchor: int) -> list[Step]:
    """When the messages of a conversation come and from whom, oldest first.

    Sent messages lie within the conversation's span; unsent ones may lie in the future.
    """
    rng = stream(seed, account_id, _CONVERSATIONS, conversation.index)
    first, last = conversation.span
    moments = sorted(first + int(rng.random() * (last - first + 1)) for _ in range(conversation.planned))
    steps: list[Step] = []
    for position, moment in enumerate(moments):
        automation = None
        incoming = rng.random() < (0.85 if position == 0 and conversation.planned > 1 else 0.45)
        if position == 1 and not any(not step.incoming for step in steps):
            incoming = False
        status = SENT
        if not incoming and rng.random() < 0.3:
            automation = int(rng.random() * len(AUTOMATIONS))
        if not incoming and rng.random() < 0.03:
            status = "failed"
        steps.append(Step(moment, incoming, automation, status))
    if steps and rng.random() < 0.2:
        # The newest message of a conversation may be one that has not been sent yet.
        planned_for = max(last, anchor) + int(rng.random() * 30 * DAY) + 3600
        status = rng.choice(("awaiting", "awaiting", "awaiting", "paused", "cancelled_by_user", "cancelled_by_system"))
        steps[-1] = Step(planned_for, False, int(rng.random() * len(AUTOMATIONS)), status)
    return steps


def last_steps(steps: Sequence[Step]) -> tuple[str, str]:
    """Dates of the last sent and the last received message, "" for none."""
    sent = max((step.moment for step in steps if not step.incoming and step.status == SENT), default=None)
    received = max((step.moment for step in steps if step.incoming), default=None)
    return "" if sent is None else stamp(sent), "" if received is None else stamp(received)


def _first_message_id(account_id: int, conversation: ConversationRow) -> int:
    return 200_000_000 + (account_id % 16) * 70_000_000 + conversation.index * 64


def may_hold(account_id: int, conversation: ConversationRow, message_id: int) -> bool:
    """Whether a message id lies in the conversation's range of generated ids."""
    return 0 <= message_id - _first_message_id(account_id, conversation) < 64


def messages(
    seed: int, account_id: int, conversation: ConversationRow, row: ReservationRow, line: ListingOutline, anchor: int
) -> list[JsonObject]:
    """All messages of a conversation, scheduled and failed ones too, as conversations embed them, oldest first."""
    rng = stream(seed, account_id, _MESSAGES, conversation.index)
    first_id = _first_message_id(account_id, conversation)
    result = []
    for position, step in enumerate(outline(seed, account_id, conversation, anchor)):
        inserted = min(step.moment, conversation.span[1])
        result.append(message(rng, account_id, first_id + position, conversation, row, line, step, inserted))
    return result


def message(
    rng: Random,
    account_id: int,
    message_id: int,
    conversation: ConversationRow,
    row: ReservationRow,
    line: ListingOutline,
    step: Step,
    inserted: int,
) -> JsonObject:
    """One message object with the keys of the embedded copy."""
    airbnb = row.channel_id == AIRBNB
    typed = not step.incoming and step.automation is None
    words = _words(rng, step, airbnb=airbnb)
    moment, inserted_on = stamp(step.moment), stamp(inserted)
    seen = rng.random() < 0.67
    payload = dict(_TEMPLATE)
    payload.update(words)
    payload.update(
        id=message_id,
        accountId=account_id,
        listingMapId=row.listing_id,
        reservationId=row.id,
        channelId=None if rng.random() < 0.01 else row.channel_id,
        conversationId=conversation.id,
        userId=9_000 + int(rng.random() * 5) if typed and rng.random() < 0.7 else None,
        channelThreadMessageId=_channel_message_id(rng, step, airbnb=airbnb),
        isIncoming=int(step.incoming),
        isSeen=int(seen),
        isSeenBy="Account #1" if seen and rng.random() < 0.4 else None,
        isSeenAt=moment if seen and rng.random() < 0.5 else None,
        originatedBy=_origin(step, account_id),
        sentUsingHostaway=int(not step.incoming and rng.random() < 0.8),
        hash=hashlib.md5(f"{message_id}:{moment}".encode(), usedforsecurity=False).hexdigest(),
        listingTimeZoneName=line.timezone,
        communicationTimeDeltaSeconds=0,
        status=step.status,
        date=moment,
        sentToChannelDate=moment if not step.incoming and step.status == SENT and rng.random() < 0.3 else None,
        messageSource=_source(rng, step, airbnb=airbnb),
        isUnique=1 if rng.random() < 0.1 else None,
        isUniquePerCommunication=0,
        retryCount=3 if step.status == "failed" else 0,
        insertedOn=inserted_on,
        updatedOn=inserted_on,
    )
    payload["sentToChannelAttemptDate"] = payload["sentToChannelDate"]
    if step.status == "failed":
        payload["reasonFailed"] = "channel_rejected"
        payload["readableReasonFailed"] = "The channel did not accept the message"
    if step.incoming and mix(message_id) & 31 == 0:
        payload["attachments"] = [_attachment(payload)]
    if airbnb:
        payload["AirbnbOfficialMessageMetadata"] = _airbnb_metadata(rng, message_id, step, inserted_on)
    return payload


def _attachment(message: JsonObject) -> JsonObject:
    """A picture that a guest sent; its address is good for seven days."""
    return {
        "id": message["id"],
        "accountId": message["accountId"],
        "listingMapId": message["listingMapId"],
        "reservationId": message["reservationId"],
        "taskId": None,
        "conversationMessageId": message["id"],
        "communicationId": None,
        "name": "photo.jpg",
        "url": f"https://files.example/{message['hash']}.jpg",
        "extension": "jpg",
        "mimeType": "image/jpeg",
        "isImage": 1,
        "isPublic": 0,
    }


def _words(rng: Random, step: Step, *, airbnb: bool) -> JsonObject:
    if step.automation is not None:
        event, subject, body = AUTOMATIONS[step.automation]
        return {
            "body": body,
            "subject": subject,
            "communicationId": 70_001 + step.automation,
            "communicationEvent": event,
            "communicationApplyListingTimeZone": 1,
            "communicationAlwaysTrigger": 0,
            "communicationType": "channel" if airbnb else "email",
        }
    if step.incoming:
        kind = "channel" if airbnb else rng.choice(("email", "email", "sms", "whatsapp"))
        return {"body": rng.choice(GUEST_MESSAGES), "communicationType": kind}
    if not airbnb and rng.random() < 0.6:
        return {"body": rng.choice(HTML_REPLIES), "subject": "Re: your stay", "communicationType": "email"}
    return {"body": rng.choice(HOST_MESSAGES), "communicationType": "channel" if airbnb else "email"}


def _channel_message_id(rng: Random, step: Step, *, airbnb: bool) -> str | None:
    if step.status != SENT:
        return None
    return str(rng.randrange(10**9, 10**11)) if airbnb else f"<{rng.getrandbits(48):012x}@proxy.example>"


def _origin(step: Step, account_id: int) -> str:
    if step.incoming:
        return "system"
    return f"Account #{account_id}" if step.automation is None else f"Automation #{70_001 + step.automation}"


def _source(rng: Random, step: Step, *, airbnb: bool) -> str:
    if step.automation is not None:
        return "pre-generated"
    if airbnb:
        return "airbnbOfficial" if step.incoming or rng.random() < 0.3 else "Dashboard"
    return "Email" if step.incoming else "Dashboard"


def _airbnb_metadata(rng: Random, message_id: int, step: Step, inserted_on: str) -> JsonObject:
    return {
        "id": message_id,
        "conversationMessageId": message_id,
        "airbnbUserId": rng.randrange(10**6, 10**9),
        "userName": "Guest" if step.incoming else "Host",
        "insertedOn": inserted_on,
        "updatedOn": inserted_on,
        "AirbnbOfficialAccount": None if step.incoming else {"id": 1, "name": "Main account"},
        "role": rng.choice((None, "GUEST" if step.incoming else "HOST", "GUEST" if step.incoming else "HOST")),
    }


def for_endpoint(embedded: JsonObject, listing_name: str) -> JsonObject:
    """The message as the messages endpoint sends it: nearly the keys of the embedded copy."""
    payload = {key: value for key, value in embedded.items() if key not in _EMBEDDED_ONLY}
    payload["sentChannelDate"] = embedded.get("sentToChannelDate")
    payload["inReplyTo"] = None
    payload["bookingcomReplyOptions"] = None
    payload["bookingcomSelectedOptions"] = None
    payload["listingName"] = listing_name
    return payload


def conversation(
    account_id: int, conversation: ConversationRow, reservation: JsonObject, messages_of_it: Sequence[JsonObject]
) -> JsonObject:
    """The conversation object; its messages hold exactly the latest one, sent or not, if there is any."""
    latest = max(messages_of_it, key=lambda item: (str(item.get("date")), item.get("id")), default=None)
    unread = any(item.get("isIncoming") and not item.get("isSeen") for item in messages_of_it)
    reservation_id = reservation.get("id")
    return {
        "id": conversation.id,
        "accountId": account_id,
        "listingMapId": reservation.get("listingMapId"),
        "reservationId": conversation.reservation_id,
        "type": "host-guest-email" if reservation.get("channelId") != AIRBNB else "host-guest-native",
        "recipientEmail": reservation.get("guestEmail"),
        "recipientName": reservation.get("guestName") or "",
        "recipientPicture": reservation.get("guestPicture"),
        "hostEmail": f"host-{reservation_id}@proxy.example",
        "guestEmail": f"guest-{conversation.id}@proxy.example",
        "hasUnreadMessages": int(unread),
        "messageSentOn": last_moment(messages_of_it, incoming=False),
        "messageReceivedOn": last_moment(messages_of_it, incoming=True),
        "conversationMessages": [] if latest is None else [latest],
        "Reservation": reduced(reservation),
    }


def last_moment(messages_of_it: Sequence[JsonObject], *, incoming: bool) -> str | None:
    """Date of the last sent message in one direction, None without one."""
    dates = [
        str(item["date"])
        for item in messages_of_it
        if bool(item.get("isIncoming")) is incoming and item.get("status") == SENT and item.get("date")
    ]
    return max(dates, default=None)
