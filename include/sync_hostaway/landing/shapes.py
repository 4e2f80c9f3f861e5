"""What a payload must look like to be understood.

Only fields that the models cast are declared: everything else may be anything, and may appear or go at any time.
What is not as Hostaway writes it (`hostaway.values`) goes to quarantine, because one value PostgreSQL cannot cast would
stop the transform of every account.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from sync_hostaway.hostaway.endpoints import RESERVATION_STATUSES, Resource
from sync_hostaway.hostaway.values import Date, Day, Flag, Id, Int, MaybeId, Number, Rows, Text, Timestamp

_REQUIRED = {
    "key": Id,
    "word": Annotated[str, Field(pattern=r"\S")],
    "day": Day,
}
_OPTIONAL = {
    "ids": MaybeId,
    "ints": Int,
    "flags": Flag,
    "numbers": Number,
    "texts": Text,
    "dates": Date,
    "timestamps": Timestamp,
    "lists": Rows,
}


def _shape(name: str, **fields: str) -> type[BaseModel]:
    """A model that declares, per type, the names of the fields that have it."""
    definitions: dict[str, Any] = {}
    for kind, names in fields.items():
        for field in names.split():
            definitions[field] = (_REQUIRED[kind], ...) if kind in _REQUIRED else (_OPTIONAL[kind], None)
    return create_model(name, __config__=ConfigDict(extra="ignore"), **definitions)


SHAPES: dict[Resource, type[BaseModel]] = {
    Resource.LISTINGS: _shape(
        "Listing",
        key="id",
        ids="propertyTypeId cancellationPolicyId",
        ints="personCapacity bedroomsNumber bedsNumber minNights maxNights "
        "guestsIncluded checkInTimeStart checkInTimeEnd checkOutTime",
        numbers="price cleaningFee priceForExtraPerson refundableDamageDeposit lat lng squareMeters starRating "
        "averageReviewRating weeklyDiscount monthlyDiscount bathroomsNumber",
        flags="instantBookable allowSameDayBooking",
        texts="name internalListingName description country countryCode state city street address "
        "publicAddress zipcode timeZoneName currencyCode roomType cancellationPolicy specialStatus thumbnailUrl",
        timestamps="latestActivityOn insertedOn",
        lists="listingImages",
    ),
    Resource.RESERVATIONS: _shape(
        "Reservation",
        key="id listingMapId",
        word="status",
        ids="channelId assigneeUserId cancellationPolicyId",
        ints="numberOfGuests adults children infants pets nights checkInTime checkOutTime",
        flags="isDatesUnspecified isStarred isArchived isInstantBooked isManuallyChecked isPaid",
        numbers="totalPrice remainingBalance taxAmount channelCommissionAmount hostawayCommissionAmount cleaningFee "
        "securityDepositFee airbnbExpectedPayoutAmount airbnbListingBasePrice airbnbListingCancellationHostFee "
        "airbnbListingCancellationPayout airbnbListingCleaningFee airbnbListingHostFee "
        "airbnbTotalPaidAmount airbnbOccupancyTaxAmountPaidToHost airbnbTransientOccupancyTaxPaidAmount",
        texts="channelName source channelReservationId confirmationCode guestName guestFirstName guestLastName "
        "guestExternalAccountId guestEmail phone guestCity guestCountry guestZipCode guestAddress guestLocale "
        "currency paymentStatus cancelledBy hostNote guestNote comment reservationAgreement",
        dates="arrivalDate departureDate previousArrivalDate previousDepartureDate",
        timestamps="reservationDate pendingExpireDate cancellationDate insertedOn updatedOn latestActivityOn",
    ),
    Resource.CONVERSATIONS: _shape(
        "Conversation",
        key="id",
        ids="listingMapId reservationId",
        flags="hasUnreadMessages",
        texts="type recipientName recipientEmail hostEmail guestEmail",
        timestamps="messageSentOn messageReceivedOn",
    ),
    Resource.MESSAGES: _shape(
        "Message",
        key="id",
        ids="conversationId reservationId listingMapId channelId userId communicationId",
        flags="isIncoming isSeen sentUsingHostaway",
        texts="body subject status communicationType messageSource originatedBy",
        timestamps="date sentChannelDate sentToChannelDate isSeenAt insertedOn updatedOn",
    ),
    Resource.CALENDAR_DAYS: _shape(
        "CalendarDay",
        ids="id",
        ints="minimumStay maximumStay countAvailableUnits availableUnitsToSell countPendingUnits countBlockedUnits "
        "countBlockingReservations countReservedUnits desiredUnitsToSell",
        flags="isAvailable closedOnArrival closedOnDeparture",
        numbers="price",
        texts="status note",
        day="date",
    ),
    Resource.REVIEWS: _shape(
        "Review",
        key="id",
        ids="listingMapId reservationId channelId autoReviewId",
        flags="isCancelled isHidden isRevieweeRecommended",
        numbers="rating",
        texts="type status publicReview privateFeedback revieweeResponse guestName reviewerName externalReviewId",
        dates="arrivalDate departureDate",
        timestamps="submittedAt insertedOn updatedOn",
        lists="reviewCategory",
    ),
    Resource.TASKS: _shape(
        "Task",
        key="id",
        ids="listingMapId reservationId channelId autoTaskId assigneeUserId supervisorUserId createdByUserId",
        ints="priority feedbackScore",
        numbers="cost",
        texts="title description status resolutionNote feedbackNote costCurrency costDescription",
        timestamps="canStartFrom shouldEndBy startedAt confirmedAt",
        lists="categoriesMap",
    ),
    Resource.USERS: _shape(
        "User",
        key="id",
        ids="userGroupId",
        flags="isAdmin isDisabledByAccount isDisabledByHostaway hasAccessToNewListings",
        texts="userGroupName email firstName lastName title phone timezone",
        lists="listingMapIds",
    ),
    Resource.COUPONS: _shape(
        "Coupon",
        key="id",
        ids="userId",
        ints="type minimumNights numberOfUsesInitial numberOfUsesUsed",
        flags="isActive isExpired",
        numbers="amount",
        texts="name",
        dates="checkInDateStart checkInDateEnd validityDateStart validityDateEnd",
    ),
}


def understand(resource: Resource, row: Any) -> tuple[BaseModel | None, str | None]:
    """Read the typed fields of a row.

    Returns the fields, or None when the row cannot be understood; and what is to be said about it, naming field and
    value, or None when there is nothing to say.

    >>> understand(Resource.RESERVATIONS, {"id": 1, "listingMapId": 2, "status": "new", "nights": "three"})
    (None, "nights: must be a number, got 'three'")
    """
    if not isinstance(row, dict):
        return None, f"row: must be an object, got {_shown(row)}"
    try:
        shape = SHAPES[resource].model_validate(row)
    except ValidationError as error:
        return None, "; ".join(_reason(item) for item in error.errors(include_url=False))
    return shape, _oddity(resource, row)


def _oddity(resource: Resource, row: dict[str, Any]) -> str | None:
    """What is remarkable about a row that is understood all the same; such a row lands and is reported."""
    if resource is Resource.RESERVATIONS and row["status"] not in RESERVATION_STATUSES:
        return f"status: unknown status, got {_shown(row['status'])}"
    if resource is Resource.LISTINGS:
        return next((text for image in row.get("listingImages") or () if (text := _image_oddity(image))), None)
    return None


def _image_oddity(image: Any) -> str | None:
    try:
        _IMAGE.model_validate(image)
    except ValidationError as error:
        return f"listingImages: the photo is left out, {_reason(error.errors(include_url=False)[0])}"
    return None


_IMAGE = _shape("ListingImage", key="id", ints="sortOrder", texts="url caption airbnbCaption vrboCaption")


def _reason(item: ErrorDetails) -> str:
    field = str(item["loc"][0]) if item["loc"] else "row"
    message = item["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if item["type"] == "missing" else f"{field}: {message}, got {_shown(item['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
