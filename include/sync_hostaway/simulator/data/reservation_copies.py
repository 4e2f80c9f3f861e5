"""The copies of a reservation in other objects, which have fewer fields than the reservation."""

from __future__ import annotations

from sync_hostaway.simulator.data.recorded import always_null, recorded
from sync_hostaway.simulator.data.rows import JsonObject

# What a calendar day embeds: an older and shorter reservation than the one in lists.
_IN_CALENDAR_NAMES = (
    "id listingMapId channelId channelName reservationId externalPropertyId externalRatePlanId externalUnitId "
    "externalRuid manualIcalId manualIcalName isProcessed isManuallyChecked isInstantBooked hasPullError "
    "reservationDate pendingExpireDate guestName guestFirstName guestLastName guestExternalAccountId guestCity "
    "guestCountry guestEmail guestPicture numberOfGuests adults children infants pets arrivalDate departureDate "
    "previousArrivalDate previousDepartureDate checkInTime checkOutTime nights phone totalPrice taxAmount "
    "channelCommissionAmount hostawayCommissionAmount cleaningFee securityDepositFee isPaid paymentMethod "
    "stripeGuestId currency status hostNote guestNote comment"
)
_IN_CALENDAR = _IN_CALENDAR_NAMES.split()


def in_calendar(payload: JsonObject) -> JsonObject:
    """The reservation as a calendar day embeds it; fields of that age which no row has any more are null."""
    return {field: payload.get(field) for field in _IN_CALENDAR}


_REDUCED = tuple(recorded()["conversation.Reservation"])
_REDUCED_NULL = always_null("conversation.Reservation")
_REDUCED_EMPTY = {"customFieldValues", "reservationFees", "reservationUnit", "financeField"}


def reduced(payload: JsonObject) -> JsonObject:
    """conversation.Reservation: not the reservation row, see its empty name, missing hash and real isPaid."""
    result = {field: None if field in _REDUCED_NULL else payload.get(field) for field in _REDUCED}
    result.update({field: [] for field in _REDUCED_EMPTY})
    result["listingName"] = ""
    result["source"] = payload.get("source") or payload.get("channelName")
    payment = payload.get("paymentStatus")
    result["isPaid"] = {"Paid": 1, "Unpaid": 0, "Partially paid": 0}.get(payment) if isinstance(payment, str) else None
    return result
