"""The smaller resources: reviews, tasks, users and coupons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from sync_hostaway.simulator.data.clock import DAY, parse_day, stamp
from sync_hostaway.simulator.data.guests import guest
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.reservations import BOOKED
from sync_hostaway.simulator.data.rows import JsonObject, ReservationRow
from sync_hostaway.simulator.data.seeds import stream
from sync_hostaway.simulator.data.texts import FIRST_NAMES, HOST_REVIEWS, LAST_NAMES, REVIEWS, TASKS

_REVIEWS, _TASKS, _USERS, _COUPONS = 61, 62, 63, 64
_REVIEW_DAYS = 365
_TASK_DAYS = 30
_USER_COUNT = 6
_COUPON_COUNT = 4
_PERMISSIONS_NAMES = (
    "createListing readListing updateListing deleteListing createReservation readReservation updateReservation "
    "deleteReservation readCalendar updateCalendar readBookingEngine updateBookingEngine readRevenueManagement "
    "readChannelManager updateChannelManager createTask readTask updateTask deleteTask createAutomation "
    "readAutomation updateAutomation deleteAutomation readMessage updateMessage updateIntegration "
    "createGuestInvoicing readGuestInvoicing updateGuestInvoicing deleteGuestInvoicing "
    "receiveReservationNotificationEmail hasAccessToNewListings createReview readReview updateReview deleteReview "
    "createOwnerStatement readOwnerStatement updateOwnerStatement deleteOwnerStatement createGuestbook readGuestbook "
    "updateGuestbook deleteGuestbook isAdmin accessFinancialData accessContactData accessGuestNotes "
    "accessTagManagement readAnalytics readListingsFinancials readOccupancyReport"
)
PERMISSIONS = _PERMISSIONS_NAMES.split()
_LINEN_SETS = {
    "id": 1,
    "customFieldId": 503,
    "value": "2",
    "customField": {"id": 503, "name": "Linen sets", "type": "number", "isPublic": 1},
}


def reviews(
    seed: int, account_id: int, stays: Iterable[ReservationRow], lines: Mapping[int, ListingOutline], anchor: int
) -> list[JsonObject]:
    """Both directions for most stays of the last year: rows exist, awaiting, before anyone writes."""
    result: list[JsonObject] = []
    today = anchor // DAY
    for row in stays:
        departure = parse_day(row.departure)
        if row.status not in BOOKED or departure is None or not today - _REVIEW_DAYS <= departure < today:
            continue
        rng = stream(seed, account_id, _REVIEWS, row.index)
        if rng.random() < 0.7:
            name = guest(seed, account_id, row.guest).first_name
            for host in (False, True):
                number = (account_id % 200) * 10_000_000 + row.index * 2 + host + 1
                line = lines[row.listing_id]
                result.append(_review(rng, number, account_id, row, line, departure, name, anchor, host=host))
    return result


def _review(
    rng: Random,
    number: int,
    account_id: int,
    row: ReservationRow,
    line: ListingOutline,
    departure: int,
    name: str,
    anchor: int,
    *,
    host: bool,
) -> JsonObject:
    written = departure * DAY + rng.randrange(DAY // 2, 14 * DAY)
    done = written < anchor and rng.random() < 0.75
    rating = rng.choice((10, 10, 10, 9, 8, 6, 4)) if done else None
    overdue = departure * DAY + 14 * DAY < anchor
    status = "published" if done else "expired" if overdue else "awaiting"
    inserted = min(anchor - 60, departure * DAY + 3600)
    text = rng.choice(HOST_REVIEWS if host else REVIEWS)
    return {
        "id": number,
        "accountId": account_id,
        "listingMapId": row.listing_id,
        "reservationId": row.id,
        "autoReviewId": None,
        "timeDelta": 0,
        "scheduledDateTime": None,
        "channelId": row.channel_id,
        "type": "host-to-guest" if host else "guest-to-host",
        "status": status,
        "rating": rating,
        "externalReviewId": str(rng.randrange(10**9, 10**11)) if done else None,
        "externalReservationId": None,
        "publicReview": text if done else None,
        "privateFeedback": "A spare key would be good." if done and rng.random() < 0.1 else None,
        "revieweeResponse": "Thank you! 🙏" if done and not host and rng.random() < 0.3 else None,
        "isRevieweeRecommended": 1 if done and host else None,
        "isCancelled": 0,
        "autoReviewTemplateId": None,
        "departureDate": f"{row.departure} {line.check_out:02d}:00:00",
        "arrivalDate": f"{row.arrival} {line.check_in:02d}:00:00",
        "listingName": line.name,
        "guestName": name,
        "reviewCategory": [{"category": "cleanliness", "rating": rating}] if done else [],
        "submittedAt": stamp(written) if done else None,
        "reviewerName": "Host" if host else name,
        "isHidden": 0,
        "bookingEngineVisibility": None,
        "insertedOn": stamp(inserted),
        "updatedOn": stamp(max(inserted, min(written, anchor - 60)) if done else inserted),
    }


def tasks(seed: int, account_id: int, stays: Iterable[ReservationRow], anchor: int) -> list[JsonObject]:
    """A task around each departure within a month of the anchor."""
    result = []
    today = anchor // DAY
    for row in stays:
        departure = parse_day(row.departure)
        if row.status in BOOKED and departure is not None and abs(departure - today) <= _TASK_DAYS:
            result.append(_task(stream(seed, account_id, _TASKS, row.index), account_id, row, departure, today))
    return result


def _task(rng: Random, account_id: int, row: ReservationRow, departure: int, today: int) -> JsonObject:
    title, category = rng.choice(TASKS)
    start = departure * DAY + 11 * 3600
    past = departure < today
    nothing = (
        "autoTaskId canBePickedByGroupId supervisorUserId checklistTemplateId reservationUnitId resolutionNote "
        "feedbackScore feedbackNote confirmedAt costDescription rank"
    )
    payload: JsonObject = dict.fromkeys(nothing.split())
    payload.update(
        id=(account_id % 200) * 10_000_000 + row.index + 1,
        listingMapId=row.listing_id,
        channelId=row.channel_id,
        reservationId=row.id,
        assigneeUserId=9_000 + rng.randrange(_USER_COUNT),
        createdByUserId=9_000,
        isUpdatedManually=0,
        title=title,
        description="Two sets of towels per guest.\nCheck the fridge.",
        canStartFrom=stamp(start),
        canStartFromListingTime=stamp(start),
        canStartFromEvent="departure",
        canStartFromEventDelta=0,
        shouldEndBy=stamp(start + 4 * 3600),
        shouldEndByListingTime=stamp(start + 4 * 3600),
        shouldEndByEvent="departure",
        shouldEndByEventDelta=4,
        status=rng.choice(("completed", "completed", "cancelled")) if past else rng.choice(("pending", "confirmed")),
        startedAt=stamp(start) if past else None,
        priority=1,
        cost=rng.choice((45, 62.5)),
        costCurrency="USD",
        color="#3a7bd5",
        expense=[],
        checklistItems=[],
        customFieldValue=[_LINEN_SETS],
        categoriesMap=[category],
    )
    return payload


def users(seed: int, account_id: int, listing_ids: list[int]) -> list[JsonObject]:
    """Staff of the account; listingMapIds is for includeResources=1."""
    result = []
    for number in range(_USER_COUNT):
        rng = stream(seed, account_id, _USERS, number)
        payload: JsonObject = {
            "id": 9_000 + number,
            "accountId": account_id,
            "userGroupId": None,
            "userGroupName": None,
            "email": f"staff{number}.{account_id}@mail.example",
            "secondEmail": None,
            "verificationCode": f"{rng.randrange(10**6):06d}",
            "firstName": rng.choice(FIRST_NAMES),
            "lastName": rng.choice(LAST_NAMES),
            "title": "Owner" if number == 0 else None,
            "country": "US",
            "city": None,
            "address": None,
            "postalCode": None,
            "phone": f"+1555{rng.randrange(10**7):07d}",
            "emergencyPhone": None,
            "preferredContactMethod": "email",
            "noteBeforeContact": None,
            "profilePictureUrl": None,
            "timezone": "UTC",
            "isDisabledByHostaway": 0,
            "isDisabledByAccount": 0,
        }
        payload.update({name: int(number == 0 or rng.random() < 0.6) for name in PERMISSIONS})
        payload["listingMapIds"] = None if number == 0 else sorted(rng.sample(listing_ids, len(listing_ids) // 2))
        result.append(payload)
    return result


def coupons(seed: int, account_id: int, anchor: int) -> list[JsonObject]:
    """A few coupon codes."""
    result = []
    for number in range(_COUPON_COUNT):
        rng = stream(seed, account_id, _COUPONS, number)
        result.append(
            {
                "id": (account_id % 1000) * 1_000 + number + 1,
                "accountId": account_id,
                "userId": 9_000,
                "isActive": 1,
                "isExpired": rng.getrandbits(1),
                "name": f"STAY{rng.randrange(10, 99)}",
                "type": 1,
                "amount": rng.choice((5, 10, 12.5)),
                "minimumNights": rng.randint(1, 5),
                "checkInDateStart": stamp(anchor)[:10],
                "checkInDateEnd": stamp(anchor + 90 * DAY)[:10],
                "numberOfUsesInitial": 100,
                "numberOfUsesUsed": rng.randrange(100),
                "validityDateStart": stamp(anchor - 30 * DAY)[:10],
                "validityDateEnd": stamp(anchor + 60 * DAY)[:10],
            }
        )
    return result
