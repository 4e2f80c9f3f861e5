"""The fields of each resource: how a value reads, and whether it stays when its guest is erased.

One place for what Python must know of a field. Landing warns of values that do not read as their kind
(`payload_schemas`), and erasure keeps what is named here as kept (`redaction`). The columns are dbt's: a staging model
reads a field with the macro of its kind. docs/contributing/add-a-field.md lists the steps, and
tests/unit/landing/test_fields.py names each step that was forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sync_hostaway.core.resources import Resource

KINDS = ("ids", "ints", "numbers", "flags", "texts", "dates", "timestamps", "lists")
"""How a field is read into a column. `payload_schemas` has a check of each kind, and macros/payload.sql a macro."""


@dataclass(frozen=True)
class Fields:
    """The fields of one resource, by name.

    :param kept: field to kind, of fields that describe no person.
    :param erased: field to kind, of fields that go when a guest is erased. A field that is not named here goes, too.
    :param kept_unread: fields that stay although no column is made of them by their own name.
    """

    kept: Mapping[str, str]
    erased: Mapping[str, str] = field(default_factory=dict)
    kept_unread: frozenset[str] = frozenset()

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of every field that a staging model reads."""
        return {**self.kept, **self.erased}

    @cached_property
    def names_kept(self) -> frozenset[str]:
        """What stays of a row whose guest was erased."""
        return self.kept_unread | self.kept.keys()


def _kinds(**names: str) -> dict[str, str]:
    """The kind of each field, from the names of the fields of each kind."""
    return {name: kind for kind, listed in names.items() for name in listed.split()}


FIELDS: dict[Resource, Fields] = {
    Resource.LISTINGS: Fields(
        kept=_kinds(
            ids="propertyTypeId cancellationPolicyId",
            ints="personCapacity bedroomsNumber bedsNumber minNights maxNights guestsIncluded checkInTimeStart "
            "checkInTimeEnd checkOutTime",
            numbers="price cleaningFee priceForExtraPerson refundableDamageDeposit lat lng squareMeters starRating "
            "averageReviewRating weeklyDiscount monthlyDiscount bathroomsNumber",
            flags="instantBookable allowSameDayBooking",
            texts="name internalListingName description country countryCode state city street address "
            "publicAddress zipcode timeZoneName currencyCode roomType cancellationPolicy specialStatus "
            "thumbnailUrl airbnbListingUrl bathroomType cleannessStatus googleVrListingUrl houseRules "
            "language propertyLicenseNumber vrboListingUrl",
            timestamps="latestActivityOn insertedOn",
            lists="listingImages",
        ),
    ),
    Resource.RESERVATIONS: Fields(
        kept=_kinds(
            ids="channelId cancellationPolicyId",
            ints="numberOfGuests adults children infants pets nights checkInTime checkOutTime",
            numbers="totalPrice remainingBalance taxAmount channelCommissionAmount hostawayCommissionAmount "
            "cleaningFee securityDepositFee airbnbExpectedPayoutAmount airbnbListingBasePrice "
            "airbnbListingCancellationHostFee airbnbListingCancellationPayout airbnbListingCleaningFee "
            "airbnbListingHostFee airbnbTotalPaidAmount airbnbOccupancyTaxAmountPaidToHost "
            "airbnbTransientOccupancyTaxPaidAmount",
            flags="isDatesUnspecified isArchived isInstantBooked isPaid",
            texts="status channelName source currency paymentStatus cancelledBy",
            dates="arrivalDate departureDate previousArrivalDate previousDepartureDate",
            timestamps="reservationDate pendingExpireDate cancellationDate insertedOn updatedOn latestActivityOn",
        ),
        kept_unread=frozenset({"id", "listingMapId"}),
        erased=_kinds(
            ids="assigneeUserId",
            flags="isStarred isManuallyChecked",
            texts="channelReservationId confirmationCode guestName guestFirstName guestLastName "
            "guestExternalAccountId guestEmail phone guestCity guestCountry guestZipCode guestAddress "
            "guestLocale hostNote guestNote comment reservationAgreement airbnbCancellationPolicy "
            "cancellationPolicy claimStatus customerUserId externalPropertyId externalUnitId insuranceStatus "
            "paymentMethod",
        ),
    ),
    Resource.CONVERSATIONS: Fields(
        kept=_kinds(
            ids="listingMapId reservationId",
            flags="hasUnreadMessages",
            texts="type",
            timestamps="messageSentOn messageReceivedOn",
        ),
        kept_unread=frozenset({"id"}),
        erased=_kinds(texts="recipientName recipientEmail"),
    ),
    Resource.MESSAGES: Fields(
        kept=_kinds(
            ids="conversationId reservationId listingMapId channelId communicationId",
            flags="isIncoming isSeen sentUsingHostaway",
            texts="status communicationType",
            timestamps="date sentChannelDate insertedOn updatedOn",
        ),
        kept_unread=frozenset({"id", "accountId"}),
        erased=_kinds(
            ids="userId",
            texts="body subject messageSource originatedBy channelThreadMessageId",
            timestamps="sentToChannelDate isSeenAt",
        ),
    ),
    Resource.CALENDAR_DAYS: Fields(
        kept=_kinds(
            ids="id",
            ints="minimumStay maximumStay countAvailableUnits availableUnitsToSell countPendingUnits "
            "countBlockedUnits countBlockingReservations countReservedUnits desiredUnitsToSell",
            numbers="price",
            flags="isAvailable closedOnArrival closedOnDeparture",
            texts="status note",
        ),
    ),
    Resource.REVIEWS: Fields(
        kept=_kinds(
            ids="listingMapId reservationId channelId",
            numbers="rating",
            flags="isCancelled isHidden",
            texts="type status",
            dates="arrivalDate departureDate",
            timestamps="submittedAt insertedOn updatedOn",
            lists="reviewCategory",
        ),
        kept_unread=frozenset({"id", "accountId"}),
        erased=_kinds(
            flags="isRevieweeRecommended",
            texts="publicReview privateFeedback revieweeResponse guestName reviewerName externalReviewId",
        ),
    ),
    Resource.TASKS: Fields(
        kept=_kinds(
            ids="listingMapId reservationId channelId assigneeUserId createdByUserId",
            ints="priority",
            numbers="cost",
            texts="status costCurrency",
            timestamps="canStartFrom shouldEndBy startedAt",
        ),
        kept_unread=frozenset({"id", "completedAt", "insertedOn", "updatedOn"}),
        erased=_kinds(
            ids="autoTaskId supervisorUserId",
            ints="feedbackScore",
            texts="title description resolutionNote feedbackNote costDescription",
            timestamps="confirmedAt",
            lists="categoriesMap",
        ),
    ),
    Resource.USERS: Fields(
        kept=_kinds(
            ids="userGroupId",
            flags="isAdmin isDisabledByAccount isDisabledByHostaway hasAccessToNewListings",
            texts="userGroupName email firstName lastName title phone timezone",
            lists="listingMapIds",
        ),
    ),
    Resource.COUPONS: Fields(
        kept=_kinds(
            ids="userId",
            ints="type minimumNights numberOfUsesInitial numberOfUsesUsed",
            numbers="amount",
            flags="isActive isExpired",
            texts="name",
            dates="checkInDateStart checkInDateEnd validityDateStart validityDateEnd",
        ),
    ),
}

IMAGE_FIELDS = _kinds(ints="sortOrder", texts="url caption airbnbCaption vrboCaption")
"""Of each object in a listing's `listingImages`."""
