"""What a payload must look like to be understood.

Only fields that the models cast are declared: everything else may be anything, and may appear or go at any time.
Hostaway gives numbers as numbers or digit strings, flags as 0/1 or true/false, and missing values as null, "" or not at
all; each of these is fine. What is not fine goes to quarantine, because one value PostgreSQL cannot cast would stop the
transform of every account.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails

from sync_hostaway.hostaway.endpoints import RESERVATION_STATUSES, Resource

_MOMENT = re.compile(
    r"(19|20|21)\d\d-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):?[0-5]\d)?)?", re.ASCII
)
_NUMBER = re.compile(r"[ \t\r\n]*[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?[ \t\r\n]*", re.ASCII)
_FLAGS = frozenset({"0", "1", "true", "false"})


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _number(value: Any) -> Any:
    value = _blank_is_none(value)
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise ValueError("must be a number")
    return value


def _flag(value: Any) -> Any:
    value = _blank_is_none(value)
    if value is not None and str(value).strip().lower() not in _FLAGS:
        raise ValueError("must be 0, 1, true or false")
    return value if value is None else str(value).strip().lower()


def _text(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic collects ValueError
    return value if value is None or isinstance(value, str) else str(value)


def _moment(value: Any) -> Any:
    # A number would otherwise be read as seconds since 1970.
    value = _blank_is_none(value)
    if value is not None and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise ValueError("must look like 2026-01-31 or 2026-01-31 12:00:00")
    return value


def _day(value: Any) -> Any:
    value = _moment(value)
    return value if value is None else value[:10]


def as_utc(moment: datetime) -> datetime:
    """A moment in UTC, which is what one without a zone is in already: Hostaway writes them so."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


# The bounds are those of the models: what passes here is never dropped there (dbt_project/macros/payload.sql).
Id = Annotated[int, Field(gt=0, lt=10**18), BeforeValidator(_number)]
MaybeId = Annotated[Annotated[int, Field(ge=0, lt=10**18)] | None, BeforeValidator(_number)]
Int = Annotated[Annotated[int, Field(gt=-(10**9), lt=10**9)] | None, BeforeValidator(_number)]
Number = Annotated[Annotated[Decimal, Field(gt=-(10**15), lt=10**15)] | None, BeforeValidator(_number)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Text = Annotated[str | None, BeforeValidator(_text)]
Date = Annotated[date | None, BeforeValidator(_day)]
Timestamp = Annotated[Annotated[datetime, AfterValidator(as_utc)] | None, BeforeValidator(_moment)]
# PHP writes an empty object as [] now and then, and the other way round.
Rows = Annotated[list[Any] | None, BeforeValidator(lambda value: value or None)]

_REQUIRED = {
    "key": Id,
    "word": Annotated[str, Field(pattern=r"\S")],
    "day": Annotated[date, BeforeValidator(_day)],
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


def as_id(value: Any) -> int | None:
    """An id as Hostaway writes them; None when the value could be none."""
    try:
        return _ID.validate_python(value)
    except ValidationError:
        return None


def as_moment(value: Any) -> datetime | None:
    """A moment as Hostaway writes them, in UTC; None when the value could be none."""
    try:
        return _TIMESTAMP.validate_python(value)
    except ValidationError:
        return None


def entity_id(row: dict[str, Any]) -> str | None:
    """The id of a row in its one spelling; None when it has none that could be one."""
    identity = as_id(row.get("id"))
    return None if identity is None else str(identity)


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


_ID: TypeAdapter[int] = TypeAdapter(Id)
_TIMESTAMP: TypeAdapter[datetime | None] = TypeAdapter(Timestamp)
_IMAGE = _shape("ListingImage", key="id", ints="sortOrder", texts="url caption airbnbCaption vrboCaption")


def _reason(item: ErrorDetails) -> str:
    field = str(item["loc"][0]) if item["loc"] else "row"
    message = item["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if item["type"] == "missing" else f"{field}: {message}, got {_shown(item['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
