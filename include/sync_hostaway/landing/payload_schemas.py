"""What a row must have to land, and which of its values are odd.

A row lands when its id, and that of the parent without which it has no place, can be read. Every other value may be
anything: the staging models make null of what they cannot cast (dbt_project/macros/payload.sql), and a warning names
the field and the value. Only fields that those models read are declared here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sync_hostaway.core.resources import Resource
from sync_hostaway.hostaway.endpoints import RESERVATION_STATUSES
from sync_hostaway.hostaway.values import as_day, as_flag, as_id, as_list, as_moment, as_whole_number

Check = Callable[[Any], bool]
"""Whether a value that is not empty can be read."""

_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?")
# PHP writes nothing at all in each of these ways.
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value.strip(" \t\n\r")) is not None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 10**30 and int(Decimal(str(value)).as_tuple().exponent) >= -30


_CHECKS: dict[str, tuple[str, Check]] = {
    "ids": ("an id", lambda value: as_whole_number(value) is not None),
    "ints": ("a whole number", lambda value: as_whole_number(value, digits=9) is not None),
    "numbers": ("a number", _is_number),
    "flags": ("0, 1, true or false", lambda value: as_flag(value) is not None),
    "texts": ("text", lambda value: not isinstance(value, dict | list)),
    "dates": ("a date like 2026-01-31", lambda value: as_day(value) is not None),
    "timestamps": ("a moment like 2026-01-31 12:00:00", lambda value: as_moment(value) is not None),
    "lists": ("a list", lambda value: as_list(value) is not None),
}


def _fields(**names: str) -> dict[str, str]:
    """The kind of each field, from the names of the fields of each kind."""
    return {field: kind for kind, fields in names.items() for field in fields.split()}


FIELDS: dict[Resource, Mapping[str, str]] = {
    Resource.LISTINGS: _fields(
        ids="propertyTypeId cancellationPolicyId",
        ints="personCapacity bedroomsNumber bedsNumber minNights maxNights "
        "guestsIncluded checkInTimeStart checkInTimeEnd checkOutTime",
        numbers="price cleaningFee priceForExtraPerson refundableDamageDeposit lat lng squareMeters starRating "
        "averageReviewRating weeklyDiscount monthlyDiscount bathroomsNumber",
        flags="instantBookable allowSameDayBooking",
        texts="name internalListingName description country countryCode state city street address "
        "publicAddress zipcode timeZoneName currencyCode roomType cancellationPolicy specialStatus thumbnailUrl "
        "airbnbListingUrl bathroomType cleannessStatus googleVrListingUrl houseRules language propertyLicenseNumber "
        "vrboListingUrl",
        timestamps="latestActivityOn insertedOn",
        lists="listingImages",
    ),
    Resource.RESERVATIONS: _fields(
        ids="channelId assigneeUserId cancellationPolicyId",
        ints="numberOfGuests adults children infants pets nights checkInTime checkOutTime",
        flags="isDatesUnspecified isStarred isArchived isInstantBooked isManuallyChecked isPaid",
        numbers="totalPrice remainingBalance taxAmount channelCommissionAmount hostawayCommissionAmount cleaningFee "
        "securityDepositFee airbnbExpectedPayoutAmount airbnbListingBasePrice airbnbListingCancellationHostFee "
        "airbnbListingCancellationPayout airbnbListingCleaningFee airbnbListingHostFee "
        "airbnbTotalPaidAmount airbnbOccupancyTaxAmountPaidToHost airbnbTransientOccupancyTaxPaidAmount",
        texts="status channelName source channelReservationId confirmationCode guestName guestFirstName guestLastName "
        "guestExternalAccountId guestEmail phone guestCity guestCountry guestZipCode guestAddress guestLocale "
        "currency paymentStatus cancelledBy hostNote guestNote comment reservationAgreement airbnbCancellationPolicy "
        "cancellationPolicy claimStatus customerUserId externalPropertyId externalUnitId insuranceStatus paymentMethod",
        dates="arrivalDate departureDate previousArrivalDate previousDepartureDate",
        timestamps="reservationDate pendingExpireDate cancellationDate insertedOn updatedOn latestActivityOn",
    ),
    Resource.CONVERSATIONS: _fields(
        ids="listingMapId reservationId",
        flags="hasUnreadMessages",
        texts="type recipientName recipientEmail hostEmail guestEmail",
        timestamps="messageSentOn messageReceivedOn",
    ),
    Resource.MESSAGES: _fields(
        ids="conversationId reservationId listingMapId channelId userId communicationId",
        flags="isIncoming isSeen sentUsingHostaway",
        texts="body subject status communicationType messageSource originatedBy channelThreadMessageId",
        timestamps="date sentChannelDate sentToChannelDate isSeenAt insertedOn updatedOn",
    ),
    Resource.CALENDAR_DAYS: _fields(
        ids="id",
        ints="minimumStay maximumStay countAvailableUnits availableUnitsToSell countPendingUnits countBlockedUnits "
        "countBlockingReservations countReservedUnits desiredUnitsToSell",
        flags="isAvailable closedOnArrival closedOnDeparture",
        numbers="price",
        texts="status note",
    ),
    Resource.REVIEWS: _fields(
        ids="listingMapId reservationId channelId autoReviewId",
        flags="isCancelled isHidden isRevieweeRecommended",
        numbers="rating",
        texts="type status publicReview privateFeedback revieweeResponse guestName reviewerName externalReviewId",
        dates="arrivalDate departureDate",
        timestamps="submittedAt insertedOn updatedOn",
        lists="reviewCategory",
    ),
    Resource.TASKS: _fields(
        ids="listingMapId reservationId channelId autoTaskId assigneeUserId supervisorUserId createdByUserId",
        ints="priority feedbackScore",
        numbers="cost",
        texts="title description status resolutionNote feedbackNote costCurrency costDescription",
        timestamps="canStartFrom shouldEndBy startedAt confirmedAt",
        lists="categoriesMap",
    ),
    Resource.USERS: _fields(
        ids="userGroupId",
        flags="isAdmin isDisabledByAccount isDisabledByHostaway hasAccessToNewListings",
        texts="userGroupName email firstName lastName title phone timezone",
        lists="listingMapIds",
    ),
    Resource.COUPONS: _fields(
        ids="userId",
        ints="type minimumNights numberOfUsesInitial numberOfUsesUsed",
        flags="isActive isExpired",
        numbers="amount",
        texts="name",
        dates="checkInDateStart checkInDateEnd validityDateStart validityDateEnd",
    ),
}


_IMAGE = _fields(ints="sortOrder", texts="url caption airbnbCaption vrboCaption")


def refusal(resource: Resource, row: Any) -> str | None:
    """Why a row cannot land, naming field and value; None when it can.

    >>> refusal(Resource.RESERVATIONS, {"id": 1, "listingMapId": "none"})
    "listingMapId: must be an id, got 'none'"
    """
    if not isinstance(row, dict):
        return f"row: must be an object, got {_shown(row)}"
    if resource is Resource.CALENDAR_DAYS:
        return None if as_day(row.get("date")) else f"date: must be a date, got {_shown(row.get('date'))}"
    # The listing of a reservation is its parent; those of other rows are known from the request, or may be missing.
    keys = ("id", "listingMapId") if resource is Resource.RESERVATIONS else ("id",)
    reasons = [f"{key}: must be an id, got {_shown(row.get(key))}" for key in keys if as_id(row.get(key)) is None]
    return "; ".join(reasons) or None


def warnings(resource: Resource, row: dict[str, Any]) -> list[str]:
    """What is odd about a row that lands, naming field and value.

    >>> warnings(Resource.RESERVATIONS, {"status": "new", "nights": "three"})
    ["nights: must be a whole number, got 'three'"]
    """
    found = _odd_fields(FIELDS[resource], row)
    status = row.get("status")
    if resource is Resource.RESERVATIONS and not isinstance(status, dict | list) and status not in RESERVATION_STATUSES:
        found.append(f"status: unknown status, got {_shown(status)}")
    if resource is Resource.LISTINGS:
        found += _odd_images(as_list(row.get("listingImages")) or [])
    return found


def _odd_fields(fields: Mapping[str, str], row: dict[str, Any]) -> list[str]:
    found = []
    for name, kind in fields.items():
        value = row.get(name)
        if value in _NOTHING or (isinstance(value, str) and not value.strip()):
            continue
        expected, is_readable = _CHECKS[kind]
        if not is_readable(value):
            found.append(f"{name}: must be {expected}, got {_shown(value)}")
    return found


def _odd_images(images: list[Any]) -> list[str]:
    found = []
    for image in images:
        identity = image.get("id") if isinstance(image, dict) else image
        if as_id(identity) is None or not isinstance(image, dict):
            found.append(f"listingImages: a photo is left out, id: must be an id, got {_shown(identity)}")
        else:
            found += [f"listingImages: {reason}" for reason in _odd_fields(_IMAGE, image)]
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
