{#-
    The fields of the objects inside payloads, by resource and path, as `known_fields` has those of the payloads. Of a list,
    those of each of its elements. Objects that are not here are not looked into.
-#}
{% macro nested_fields() -%}
    {%- set custom_field_value = "id customFieldId value insertedOn updatedOn customField".split() -%}
    {%- set custom_field = (
        "id accountId name varName objectType type possibleValues isPublic sortOrder insertedOn updatedOn"
    ).split() -%}
    {{ return({
        "calendar_days": {"reservations": known_fields()["reservations"] + ["externalRuid"]},
        "conversations": {
            "Reservation": known_fields()["reservations"],
            "conversationMessages": known_fields()["messages"],
        },
        "listings": {
            "listingAmenities": "id amenityId amenityName".split(),
            "listingBedTypes": "id bedTypeId quantity bedroomNumber".split(),
            "listingFeeSetting": (
                "id accountId listingMapId feeType feeTitle feeDescription feeAppliedPer amount amountType isMandatory "
                ~ "isQuantitySelectable appearsIn channelId displayInRent parentId insertedOn updatedOn attachments"
            ).split(),
            "listingImages": (
                "id caption airbnbCaption bookingEngineCaption vrboCaption airbnb vrbo url sortOrder"
            ).split(),
            "listingTags": "id accountId name insertedOn updatedOn".split(),
            "listingUnits": "id name ground unitNumber listingMapId listingMapIdUnit".split(),
            "customFieldValues": custom_field_value,
            "customFieldValues.customField": custom_field,
        },
        "messages": {
            "AirbnbOfficialMessageMetadata": (
                "id conversationMessageId airbnbUserId userName role insertedOn updatedOn AirbnbOfficialAccount"
            ).split(),
            "attachments": (
                "id accountId listingMapId reservationId taskId conversationMessageId communicationId name url "
                ~ "extension mimeType isImage isPublic insertedOn updatedOn"
            ).split(),
        },
        "reservations": {
            "bookingcomSpecialRequests": "remarks geniusFreebies".split(),
            "cancellationPolicyDetails": (
                "id name channelId channelSpecificCode longTerm cancellationPolicyItem insertedOn updatedOn"
            ).split(),
            "customFieldValues": custom_field_value,
            "customFieldValues.customField": custom_field,
            "financeField": (
                "id accountId listingMapId reservationId channelId units listingFeeSettingId type name title alias value "
                ~ "isIncludedInTotalPrice isOverriddenByUser isAddedByUser isMandatory isQuantitySelectable isDeleted "
                ~ "total guestInvoiceChargeId appliedPer applyTo amount amountType quantity previousValue jsonValue "
                ~ "appearsIn displayInRent lengthOfStayNights lengthOfStayAmount isUnique insertedOn updatedOn "
                ~ "previousListingFeeSettingId ageCondition"
            ).split(),
            "reservationFees": (
                "id accountId listingMapId reservationId name feeType externalReservationUnitId amount currency "
                ~ "percentage isIncluded isPerNight isPerPerson isImported insertedOn updatedOn"
            ).split(),
            "reservationUnit": (
                "id reservationId listingUnitId externalReservationId externalReservationUnitId guestName "
                ~ "guestFirstName guestLastName numberOfGuests adults children infants pets totalPrice insertedOn updatedOn"
            ).split(),
        },
        "reviews": {"reviewCategory": "category rating".split()},
        "tasks": {"customFieldValue": custom_field_value, "customFieldValue.customField": custom_field},
    }) }}
{%- endmacro %}
