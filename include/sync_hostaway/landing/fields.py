"""The fields of each resource: the kind of their values, and whether they stay when a guest is erased.

All facts that Python needs about a field are here. Landing warns of values that cannot be read as their kind
(`payload_schemas`), and erasure keeps the fields in `kept` (`redaction`). dbt has the columns: a staging model reads a
field with the macro of its kind. docs/contributing/add-a-field.md lists the steps, and
tests/unit/landing/test_fields.py names each forgotten step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sync_hostaway.core.resources import Resource

KINDS = ("ids", "ints", "numbers", "flags", "texts", "dates", "timestamps", "lists")
"""The kinds of fields. `payload_schemas` has a check for each kind, and macros/payload.sql a macro."""


@dataclass(frozen=True)
class Fields:
    """The fields of one resource, by name.

    :param kept: field to kind, of fields that do not describe a person.
    :param erased: field to kind, of fields that are removed when a guest is erased. Fields that are not named here are
        removed, too.
    :param kept_unread: fields that stay although no column has their value under their own name.
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
        """The fields of a row that stay when its guest is erased."""
        return self.kept_unread | self.kept.keys()


def _kinds(**names: str) -> dict[str, str]:
    """The kind of each field, from the names of the fields of each kind."""
    return {name: kind for kind, listed in names.items() for name in listed.split()}


# The consolidated report and the standard fields have these; the report also has formulas with free names.
_REPORTED = (
    "totalGuestFees totalTax accommodationFee pmCommission ownerPayout baseRate priceForExtraPerson cleaningFeeValue "
    "cityTax hotelTax lodgingTax roomTax salesTax transientOccupancyTax vat otherTaxes propertyRentTax "
    "guestPerPersonPerNightTax guestStayTax guestNightlyTax guestChannelFee hostChannelFee monthlyDiscount "
    "weeklyDiscount damageDeposit cancellationFee cancellationPayout cancellationHostFee subTotalPrice"
)
_STANDARD_ONLY = (
    "additionalCleaningFee parkingFee towelChangeFee midstayCleaningFee roomRequestFee reservationChangeFee checkinFee "
    "lateCheckoutFee otherFees creditCardFee kitchenLinenFee linenPackageFee transferFee wristbandFee extraBedsFee "
    "serviceFee bedLinenFee bookingFee petFee skiPassFee tourismFee childrenExtraFee resortFee resortFeeAirbnb "
    "communityFeeAirbnb managementFeeAirbnb linenFeeAirbnb couponDiscount shareholderDiscount lastMinuteDiscount "
    "employeeDiscount otherSpecialDiscount paymentServiceProcessingFees bookingComCancellationGuestFee "
    "otaPaymentProcessingFee insuranceFee"
)

REPORT_COLUMNS = frozenset(_REPORTED.split())
"""Columns of money that the documentation of the consolidated report names, by their names in the report."""

FIELDS: dict[Resource, Fields] = {
    Resource.LISTINGS: Fields(
        kept=_kinds(
            ids="propertyTypeId cancellationPolicyId airbnbCancellationPolicyId bookingCancellationPolicyId "
            "vrboCancellationPolicyId marriottCancellationPolicyId",
            ints="personCapacity bedroomsNumber bedsNumber minNights maxNights guestsIncluded checkInTimeStart "
            "checkInTimeEnd checkOutTime maxChildrenAllowed maxInfantsAllowed maxPetsAllowed guestBathroomsNumber "
            "airbnbBookingLeadTime sameDayBookingLeadTime instantBookableLeadTime bookingEngineLeadTime",
            numbers="price cleaningFee priceForExtraPerson refundableDamageDeposit lat lng squareMeters starRating "
            "averageReviewRating weeklyDiscount monthlyDiscount bathroomsNumber checkinFee airbnbPetFeeAmount "
            "propertyRentTax guestStayTax guestNightlyTax guestPerPersonPerNightTax airbnbOfficialListingMarkup "
            "homeawayApiMarkup bookingEngineMarkup marriottListingMarkup partnersListingMarkup averageNightlyPrice",
            flags="instantBookable allowSameDayBooking applyPropertyRentTaxToFees isDepositStayCollected "
            "bookingcomPropertyHasVat bookingcomPropertyRegisteredInVcs bookingcomPropertyDeclaresRevenue",
            texts="name internalListingName description country countryCode state city street address "
            "publicAddress zipcode timeZoneName currencyCode roomType cancellationPolicy specialStatus "
            "thumbnailUrl airbnbListingUrl bathroomType cleannessStatus googleVrListingUrl houseRules "
            "language propertyLicenseNumber vrboListingUrl airbnbName homeawayPropertyName bookingcomPropertyName "
            "expediaListingUrl propertyLicenseType airbnbExportStatus vrboExportStatus bookingcomExportStatus "
            "expediaExportStatus googleExportStatus marriotExportStatus externalListingName marriottListingName "
            "bookingcomPropertyRoomName",
            dates="propertyLicenseIssueDate propertyLicenseExpirationDate",
            timestamps="latestActivityOn insertedOn cleannessStatusUpdatedOn",
            lists="listingImages listingAmenities listingBedTypes listingUnits listingTags listingFeeSetting "
            "customFieldValues",
        ),
    ),
    Resource.RESERVATIONS: Fields(
        kept=_kinds(
            ids="channelId cancellationPolicyId reservationCouponId",
            ints="numberOfGuests adults children infants pets nights checkInTime checkOutTime",
            numbers="totalPrice remainingBalance taxAmount channelCommissionAmount hostawayCommissionAmount "
            "cleaningFee securityDepositFee airbnbExpectedPayoutAmount airbnbListingBasePrice "
            "airbnbListingCancellationHostFee airbnbListingCancellationPayout airbnbListingCleaningFee "
            "airbnbListingHostFee airbnbTotalPaidAmount airbnbOccupancyTaxAmountPaidToHost "
            "airbnbTransientOccupancyTaxPaidAmount airbnbListingSecurityPrice",
            flags="isDatesUnspecified isArchived isInstantBooked isPaid guestPaymentCardIsVirtual "
            "bookingcomNoShowFeeWaived hasPullError",
            texts="status channelName source currency paymentStatus cancelledBy externalRatePlanId",
            dates="arrivalDate departureDate previousArrivalDate previousDepartureDate",
            timestamps="reservationDate pendingExpireDate cancellationDate insertedOn updatedOn latestActivityOn "
            "bookingcomNoShowReportedAt",
        ),
        kept_unread=frozenset({"id", "listingMapId"}),
        erased=_kinds(
            ids="assigneeUserId",
            ints="guestTrips guestRecommendations",
            flags="isStarred isManuallyChecked isProcessed isPinned bookingcomIsGeniusMember "
            "bookingcomSmokingPreference",
            texts="channelReservationId confirmationCode guestName guestFirstName guestLastName "
            "guestExternalAccountId guestEmail phone guestCity guestCountry guestZipCode guestAddress "
            "guestLocale hostNote guestNote comment reservationAgreement airbnbCancellationPolicy "
            "cancellationPolicy bookingCancellationPolicy vrboCancellationPolicy marriottCancellationPolicy "
            "claimStatus customerUserId externalPropertyId externalUnitId insuranceStatus "
            "paymentMethod customerIcalId customerIcalName manualIcalId manualIcalName localeForMessaging "
            "bookingcomBookerName "
            "bookingcomBookerCompany",
            lists="reservationFees financeField reservationUnit customFieldValues",
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
            ints="retryCount communicationTimeDeltaSeconds",
            texts="status communicationType communicationName communicationEvent listingTimeZoneName",
            timestamps="date sentChannelDate insertedOn updatedOn sentToChannelAttemptDate",
        ),
        kept_unread=frozenset({"id", "accountId"}),
        erased=_kinds(
            ids="userId",
            texts="body subject messageSource originatedBy channelThreadMessageId inReplyTo reasonFailed "
            "readableReasonFailed isSeenBy",
            timestamps="sentToChannelDate isSeenAt",
            lists="attachments imagesUrls",
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
            texts="type status listingName bookingEngineVisibility",
            dates="arrivalDate departureDate",
            timestamps="submittedAt insertedOn updatedOn scheduledDateTime",
            lists="reviewCategory",
        ),
        kept_unread=frozenset({"id", "accountId"}),
        erased=_kinds(
            ids="autoReviewId autoReviewTemplateId",
            flags="isRevieweeRecommended",
            texts="publicReview privateFeedback revieweeResponse guestName reviewerName externalReviewId "
            "externalReservationId",
        ),
    ),
    Resource.TASKS: Fields(
        kept=_kinds(
            ids="listingMapId reservationId channelId assigneeUserId createdByUserId",
            ints="priority rank canStartFromEventDelta shouldEndByEventDelta",
            numbers="cost",
            texts="status costCurrency canStartFromEvent shouldEndByEvent color",
            timestamps="canStartFrom shouldEndBy startedAt canStartFromListingTime shouldEndByListingTime completedAt "
            "insertedOn updatedOn",
        ),
        kept_unread=frozenset({"id"}),
        erased=_kinds(
            ids="autoTaskId supervisorUserId canBePickedByGroupId checklistTemplateId reservationUnitId",
            flags="isUpdatedManually",
            ints="feedbackScore",
            texts="title description resolutionNote feedbackNote costDescription",
            timestamps="confirmedAt",
            lists="categoriesMap checklistItems customFieldValue",
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
    Resource.RESERVATION_FINANCE: Fields(
        kept=_kinds(
            numbers=f"{_REPORTED} {_STANDARD_ONLY}",
            texts="financeSource reportCurrency manuallySetFields",
        ),
        kept_unread=frozenset({"id", "accountId", "listingMapId", "channelId", "channelName", "status"})
        | frozenset({"arrivalDate", "departureDate", "listingName", "reservationUpdatedOn", "standardFieldId"}),
    ),
    Resource.EXPENSES: Fields(
        kept=_kinds(
            ids="ownerStatementId listingMapId reservationId ownerUserId",
            numbers="amount",
            flags="isDeleted",
            texts="type listingName",
            dates="expenseDate",
            timestamps="insertedOn updatedOn",
            lists="ownerStatementIds categoriesNames",
        ),
        kept_unread=frozenset({"id", "accountId", "ownerStatementExpenseId", "ownerStatementNames", "categories"}),
        erased=_kinds(texts="concept guestName"),
    ),
    Resource.OWNER_STATEMENTS: Fields(
        kept=_kinds(
            texts="statementName invoiceName notes propertyManagerName propertyManagerEmail propertyManagerAddress "
            "propertyManagerPhone propertyOwnerName propertyOwnerEmail propertyOwnerAddress propertyOwnerPhone",
            timestamps="insertedOn updatedOn",
            lists="summaryDataJson expenses accessByUsers",
        ),
    ),
    Resource.GUEST_CHARGES: Fields(
        kept=_kinds(
            ids="listingMapId reservationId autopaymentId autoChargeId",
            ints="triggerTimeDelta",
            numbers="amount capturedAmount flatFee percentageFee",
            flags="isManual",
            texts="type status currency paymentMethod paymentProvider triggerEvent",
            dates="holdReleaseDate",
            timestamps="scheduledDate chargeDate",
        ),
        kept_unread=frozenset({"id"}),
        erased=_kinds(
            texts="title description paymentProviderMessage paymentProviderInvoiceId paymentProviderChargeId"
        ),
    ),
    Resource.TAX_SETTINGS: Fields(
        kept=_kinds(
            numbers="amount",
            texts="taxType taxAppliedPer amountType applyTo",
            timestamps="insertedOn updatedOn",
        ),
    ),
    Resource.RESERVATION_LOGS: Fields(
        kept=_kinds(
            ids="listingMapId channelId updatedByUserId",
            texts="updatedField updatedFieldLabel updatedByUserName",
            timestamps="insertedOn updatedOn",
        ),
        kept_unread=frozenset({"id", "reservationId", "source"}),
        # of any field, also of names and addresses
        erased=_kinds(texts="previousValue newValue"),
    ),
}


@dataclass(frozen=True)
class Elements:
    """The objects in a list of a resource, each of which becomes a row of a table of its own.

    :param key: an element without this field is left out; it is an id, unless the texts contain it. None: an element
        without an id is numbered by its place in the list, because sums need every line.
    :param kinds: field to kind, of the other fields.
    """

    key: str | None
    kinds: Mapping[str, str]


_CUSTOM_FIELDS = Elements("customFieldId", _kinds(timestamps="insertedOn updatedOn"))

ELEMENTS: dict[Resource, dict[str, Elements]] = {
    Resource.LISTINGS: {
        "listingImages": Elements("id", _kinds(ints="sortOrder", texts="url caption airbnbCaption vrboCaption")),
        "listingAmenities": Elements("amenityId", _kinds(texts="amenityName")),
        "listingBedTypes": Elements("id", _kinds(ids="bedTypeId", ints="bedroomNumber quantity")),
        "listingUnits": Elements("id", _kinds(ids="listingMapIdUnit", texts="name unitNumber ground")),
        "listingFeeSetting": Elements(
            "id",
            _kinds(
                ids="channelId parentId",
                numbers="amount",
                flags="isMandatory isQuantitySelectable displayInRent",
                texts="feeType feeTitle feeDescription feeAppliedPer amountType",
                timestamps="insertedOn updatedOn",
                lists="appearsIn",
            ),
        ),
        "customFieldValues": _CUSTOM_FIELDS,
    },
    Resource.RESERVATIONS: {
        "reservationFees": Elements(
            None,
            _kinds(
                ids="id",
                numbers="amount percentage",
                flags="isIncluded isPerNight isPerPerson isImported",
                texts="name feeType currency externalReservationUnitId",
                timestamps="insertedOn updatedOn",
            ),
        ),
        "financeField": Elements(
            None,
            _kinds(
                ids="id listingFeeSettingId guestInvoiceChargeId",
                numbers="value amount quantity total",
                flags="isIncludedInTotalPrice isOverriddenByUser isAddedByUser isMandatory isDeleted",
                texts="type name title alias amountType appliedPer",
                timestamps="insertedOn updatedOn",
            ),
        ),
        "reservationUnit": Elements(
            None,
            _kinds(
                ids="id listingUnitId",
                ints="numberOfGuests adults children infants pets",
                numbers="totalPrice",
                texts="externalReservationId externalReservationUnitId guestName guestFirstName guestLastName",
            ),
        ),
        "customFieldValues": _CUSTOM_FIELDS,
    },
    Resource.TASKS: {"customFieldValue": _CUSTOM_FIELDS},
    Resource.REVIEWS: {"reviewCategory": Elements("category", _kinds(numbers="rating", texts="category"))},
    Resource.OWNER_STATEMENTS: {
        "expenses": Elements(
            None,
            _kinds(ids="id listingMapId reservationId", numbers="amount", texts="concept", dates="expenseDate"),
        ),
        "summaryDataJson": Elements(None, _kinds(numbers="totalValue", texts="formulaName")),
    },
}
"""The elements of lists, by resource and field. Lists whose elements have no id (tags, attachments) are not here."""

OBJECTS: dict[Resource, dict[str, Mapping[str, str]]] = {
    Resource.OWNER_STATEMENTS: {
        "filterParametersJson": _kinds(texts="dateType", dates="fromDate toDate", lists="listingMapIds"),
        "financeDataJson": _kinds(texts="currency", lists="columns rows"),
        "grandTotalJson": _kinds(numbers="expensesTotal grandTotalAmount"),
    },
    Resource.RESERVATIONS: {
        "cancellationPolicyDetails": _kinds(texts="name"),
        "bookingcomSpecialRequests": _kinds(texts="remarks"),
    },
}
"""The fields that columns have of an object in a payload, by resource and field: field to kind."""
