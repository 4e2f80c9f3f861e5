{#-
    The known fields of Hostaway's answers, by resource: those of the documentation and of real answers. A field that
    is not here is new; it is kept in pms_meta, and the test new_fields reports it. reservation_finance is not here: accounts
    name the formulas of their reports.
-#}
{% macro known_fields() -%}
    {{ return({
        "calendar_days": (
            "availableUnitsToSell closedOnArrival closedOnDeparture countAvailableUnits countBlockedUnits "
            ~ "countBlockingReservations countPendingUnits countReservedUnits date desiredUnitsToSell id insertedOn "
            ~ "isAvailable isProcessed listingMapId maximumStay minimumStay note price reservations status updatedOn"
        ).split(),
        "conversations": (
            "Reservation accountId conversationMessages guestEmail hasUnreadMessages hostEmail id listingMapId "
            ~ "messageReceivedOn messageSentOn recipientEmail recipientName recipientPicture reservationId type"
        ).split(),
        "coupons": (
            "accountId amount checkInDateEnd checkInDateStart id isActive isExpired minimumNights name "
            ~ "numberOfUsesInitial numberOfUsesUsed type userId validityDateEnd validityDateStart"
        ).split(),
        "expenses": (
            "accountId amount attachments categories categoriesNames concept expenseDate guestName id insertedOn "
            ~ "isDeleted listingMapId listingName ownerStatementExpenseId ownerStatementId ownerStatementIds "
            ~ "ownerStatementNames ownerUserEmail ownerUserFirstName ownerUserId ownerUserLastName ownerUserName "
            ~ "reservationId type updatedOn"
        ).split(),
        "guest_charges": (
            "amount autoChargeId autopaymentId capturedAmount chargeDate currency description flatFee holdReleaseDate id "
            ~ "isManual listingMapId paymentMethod paymentProvider paymentProviderChargeId paymentProviderInvoiceId "
            ~ "paymentProviderMessage percentageFee refundInfo reservationId scheduledDate status title transactions "
            ~ "triggerEvent triggerTimeDelta type"
        ).split(),
        "listings": (
            "address airbnbAccess airbnbBookingLeadTime airbnbBookingLeadTimeAllowRequestToBook "
            ~ "airbnbCancellationPolicyId airbnbExportStatus airbnbInteraction airbnbListingUrl airbnbName "
            ~ "airbnbNeighborhoodOverview airbnbNotes airbnbOfficialListingMarkup airbnbPetFeeAmount airbnbSpace "
            ~ "airbnbSummary airbnbTransit allowSameDayBooking applyPropertyRentTaxToFees attachment "
            ~ "averageNightlyPrice averageReviewRating bathroomType bathroomsNumber bedroomsNumber bedsNumber "
            ~ "bookingCancellationPolicyId bookingEngineLeadTime bookingEngineMarkup bookingEngineUrls "
            ~ "bookingcomExportStatus bookingcomPropertyDeclaresRevenue bookingcomPropertyDescription "
            ~ "bookingcomPropertyHasVat bookingcomPropertyName bookingcomPropertyRegisteredInVcs "
            ~ "bookingcomPropertyRoomName cancellationPolicy cancellationPolicyId checkInTimeEnd checkInTimeStart "
            ~ "checkOutTime checkinFee city cleaningFee cleaningInstruction cleannessStatus cleannessStatusUpdatedOn "
            ~ "contactAddress contactEmail contactLanguage contactName contactPhone1 contactPhone2 contactSurName "
            ~ "country countryCode currencyCode customFieldValues description doorSecurityCode expediaExportStatus "
            ~ "expediaListingUrl externalListingName googleExportStatus googleVrListingUrl guestBathroomsNumber "
            ~ "guestNightlyTax guestPerPersonPerNightTax guestStayTax guestsIncluded homeawayApiMarkup "
            ~ "homeawayPropertyDescription homeawayPropertyHeadline homeawayPropertyName houseRules id insertedOn "
            ~ "instantBookable instantBookableLeadTime insuranceEligibilityStatus internalListingName "
            ~ "invoicingContactAddress invoicingContactCity invoicingContactCountry invoicingContactEmail "
            ~ "invoicingContactLanguage invoicingContactName invoicingContactPhone1 invoicingContactPhone2 "
            ~ "invoicingContactSurName invoicingContactZipcode isDepositStayCollected isRentalAgreementActive keyPickup "
            ~ "language lat latestActivityOn listingAgreementText listingAmenities listingBedTypes listingCustomFields "
            ~ "listingFeeSetting listingImages listingSettings listingTags listingUnits lng marriotExportStatus "
            ~ "marriottCancellationPolicyId marriottListingMarkup marriottListingName maxChildrenAllowed "
            ~ "maxInfantsAllowed maxNights maxPetsAllowed minNights monthlyDiscount name partnersListingMarkup "
            ~ "personCapacity price priceForExtraPerson propertyLicenseExpirationDate propertyLicenseIssueDate "
            ~ "propertyLicenseNumber propertyLicenseType propertyRentTax propertyTypeId publicAddress "
            ~ "refundableDamageDeposit roomType sameDayBookingLeadTime specialInstruction specialStatus squareMeters "
            ~ "starRating state street thumbnailUrl timeZoneName vrboCancellationPolicyId vrboExportStatus "
            ~ "vrboListingUrl weeklyDiscount wifiPassword wifiUsername zipcode"
        ).split(),
        "messages": (
            "AirbnbOfficialMessageMetadata Conversation ListingMap Reservation accountId airbnbThreadMessageId "
            ~ "attachment attachments body bookingcomReplyOptions bookingcomSelectedOptions bookingcomSubthreadId "
            ~ "ccEmail1 ccEmail2 channelId channelThreadMessageId communicationAlwaysTrigger "
            ~ "communicationApplyListingTimeZone communicationEvent communicationId communicationName "
            ~ "communicationTimeDelta communicationTimeDeltaSeconds communicationType conversationArchive "
            ~ "conversationId conversationMessageNote conversationSnooze date hash id imagesUrls inReplyTo insertedOn "
            ~ "isIncoming isSeen isSeenAt isSeenBy isUnique isUniquePerCommunication listingMapId listingName "
            ~ "listingTimeZoneName messageSource notUpdateOnReservationChange objectKey originatedBy "
            ~ "readableReasonFailed reasonFailed reservationId retryCount sentChannelDate sentToChannelAttemptDate "
            ~ "sentToChannelDate sentUsingHostaway status subject twilioMessageIdConversationMessageId type updatedOn "
            ~ "userId whatsAppMessageIdConversationMessageId whatsappBusinessTemplateId whatsappTemplateId"
        ).split(),
        "owner_statements": (
            "accessByUsers accountId expenses filterParametersJson financeDataJson grandTotalJson id insertedOn "
            ~ "invoiceName notes propertyManagerAddress propertyManagerEmail propertyManagerName propertyManagerPhone "
            ~ "propertyOwnerAddress propertyOwnerEmail propertyOwnerName propertyOwnerPhone statementName summaryDataJson "
            ~ "updatedOn"
        ).split(),
        "reservations": (
            "adults airbnbCancellationPolicy airbnbExpectedPayoutAmount airbnbListingBasePrice "
            ~ "airbnbListingCancellationHostFee airbnbListingCancellationPayout airbnbListingCleaningFee "
            ~ "airbnbListingHostFee airbnbListingSecurityPrice airbnbOccupancyTaxAmountPaidToHost airbnbTotalPaidAmount "
            ~ "airbnbTransientOccupancyTaxPaidAmount arrivalDate assigneeUserId awaitingGuestVerification "
            ~ "awaitingPayment bookingCancellationPolicy bookingcomBookerCompany bookingcomBookerName "
            ~ "bookingcomIsGeniusMember bookingcomNoShowFeeWaived bookingcomNoShowReportedAt "
            ~ "bookingcomSmokingPreference bookingcomSpecialRequests braintreeGuestId braintreeMessage cancellationDate "
            ~ "cancellationPolicy cancellationPolicyDetails cancellationPolicyId cancelledBy ccExpirationMonth "
            ~ "ccExpirationYear ccName ccNumber ccNumberEndingDigits channelCommissionAmount channelId channelName "
            ~ "channelReservationId checkInTime checkOutTime children claimStatus cleaningFee comment confirmationCode "
            ~ "currency customFieldValues customerIcalId customerIcalName customerUserId cvc declined departureDate "
            ~ "doorCode doorCodeInstruction doorCodeVendor doorSecurityCode expired externalPropertyId "
            ~ "externalRatePlanId externalUnitId financeField guestAddress guestAuthHash guestCity guestCountry "
            ~ "guestEmail guestExternalAccountId guestFirstName guestLastName guestLocale guestName guestNote "
            ~ "guestPaymentCardIsVirtual guestPicture guestPortalRevampUrl guestPortalUrl guestRecommendations "
            ~ "guestTrips guestWork guestZipCode hasPullError hash hostNote hostProxyEmail hostawayCommissionAmount "
            ~ "hostawayReservationId id infants inquiry insertedOn insurancePolicyId insuranceStatus isArchived "
            ~ "isDatesUnspecified isGuestIdentityVerified isGuestVerifiedByEmail isGuestVerifiedByFacebook "
            ~ "isGuestVerifiedByGovernmentId isGuestVerifiedByPhone isGuestVerifiedByReviews isGuestVerifiedByWorkEmail "
            ~ "isInitial isInstantBooked isManuallyChecked isPaid isPinned isProcessed isStarred keyPickup "
            ~ "latestActivityOn listingCustomFields listingMapId listingName localeForMessaging "
            ~ "localeForMessagingSource manualIcalId manualIcalName marriottCancellationPolicy nights numberOfGuests "
            ~ "originalChannel ownerStay paymentMethod paymentStatus pending pendingExpireDate pets phone "
            ~ "previousArrivalDate previousDepartureDate remainingBalance rentalAgreementFileUrl reservationAgreement "
            ~ "reservationCouponId reservationDate reservationFees reservationId reservationUnit securityDepositFee "
            ~ "source specialInstruction status stripeGuestId stripeMessage taxAmount totalPrice unconfirmed unknown "
            ~ "updatedOn vrboCancellationPolicy wifiPassword"
        ).split(),
        "reservation_logs": (
            "channelId id insertedOn listingMapId newValue previousValue reservationId source updatedByUserId "
            ~ "updatedByUserName updatedField updatedFieldLabel updatedOn"
        ).split(),
        "reviews": (
            "accountId arrivalDate autoReviewId autoReviewTemplateId bookingEngineVisibility channelId departureDate "
            ~ "externalReservationId externalReviewId guestName id insertedOn isCancelled isHidden "
            ~ "isRevieweeRecommended listingMapId listingName privateFeedback publicReview rating reservationId "
            ~ "reviewCategory revieweeResponse reviewerName scheduledDateTime status submittedAt timeDelta type "
            ~ "updatedOn"
        ).split(),
        "tasks": (
            "assigneeUserId autoTaskId canBePickedByGroupId canStartFrom canStartFromEvent canStartFromEventDelta "
            ~ "canStartFromListingTime categoriesMap channelId checklistItems checklistTemplateId color completedAt "
            ~ "confirmedAt cost costCurrency costDescription createdByUserId customFieldValue description expense "
            ~ "feedbackNote feedbackScore id insertedOn isUpdatedManually listingMapId priority rank reservationId "
            ~ "reservationUnitId resolutionNote shouldEndBy shouldEndByEvent shouldEndByEventDelta "
            ~ "shouldEndByListingTime startedAt status supervisorUserId title updatedOn"
        ).split(),
        "tax_settings": (
            "accountId ageCondition amount amountType applyTo id insertedOn listingMapId taxAppliedPer taxType updatedOn"
        ).split(),
        "users": (
            "accessContactData accessFinancialData accessGuestNotes accessTagManagement accountId address city "
            ~ "country createAutomation createGuestInvoicing createGuestbook createListing createOwnerStatement "
            ~ "createReservation createReview createTask deleteAutomation deleteGuestInvoicing deleteGuestbook "
            ~ "deleteListing deleteOwnerStatement deleteReservation deleteReview deleteTask email emergencyPhone "
            ~ "firstName hasAccessToNewListings id isAdmin isDisabledByAccount isDisabledByHostaway lastName "
            ~ "listingMapIds noteBeforeContact phone postalCode preferredContactMethod profilePictureUrl readAnalytics "
            ~ "readAutomation readBookingEngine readCalendar readChannelManager readGuestInvoicing readGuestbook "
            ~ "readListing readListingsFinancials readMessage readOccupancyReport readOwnerStatement readReservation "
            ~ "readRevenueManagement readReview readTask receiveReservationNotificationEmail secondEmail timezone title "
            ~ "updateAutomation updateBookingEngine updateCalendar updateChannelManager updateGuestInvoicing "
            ~ "updateGuestbook updateIntegration updateListing updateMessage updateOwnerStatement updateReservation "
            ~ "updateReview updateTask userGroupId userGroupName verificationCode"
        ).split(),
    }) }}
{%- endmacro %}
