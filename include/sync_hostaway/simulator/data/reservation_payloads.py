"""The full reservation object: about 125 fields with the recorded types, null shares and correlations."""

from __future__ import annotations

from random import Random
from typing import Any

from sync_hostaway.simulator.data.clock import DAY, parse_stamp, stamp
from sync_hostaway.simulator.data.guests import Guest, guest
from sync_hostaway.simulator.data.listings import ListingOutline
from sync_hostaway.simulator.data.recorded import integer_share, null_share, recorded, template
from sync_hostaway.simulator.data.reservations import (
    AIRBNB,
    BOOKING,
    CHANNEL_NAMES,
    DIRECT,
    ENGINE,
    VRBO,
    nights_of,
    units_taken,
)
from sync_hostaway.simulator.data.rows import JsonObject, ReservationRow
from sync_hostaway.simulator.data.seeds import mix, stream
from sync_hostaway.simulator.data.texts import NOTES

_PAYLOAD = 32
_TEMPLATE = template("reservation")
_NULL = {field: null_share("reservation", field) for field in recorded()["reservation"]}
_WHOLE = {field: integer_share("reservation", field) for field in recorded()["reservation"]}
_AIRBNB_MONEY = (
    ("airbnbExpectedPayoutAmount", 0.85),
    ("airbnbListingBasePrice", 0.8),
    ("airbnbListingCancellationHostFee", 0.03),
    ("airbnbListingCancellationPayout", 0.85),
    ("airbnbListingCleaningFee", 0.12),
    ("airbnbListingHostFee", 0.03),
    ("airbnbTotalPaidAmount", 1.0),
    ("airbnbTransientOccupancyTaxPaidAmount", 0.09),
)
_PAYMENT = (("Paid", 0.62), ("Unpaid", 0.85), ("Partially paid", 0.9), ("Unknown", 1.0))
_ZEROES = (
    "isInstantBooked",
    "guestRecommendations",
    "isGuestIdentityVerified",
    "isGuestVerifiedByEmail",
    "isGuestVerifiedByWorkEmail",
    "isGuestVerifiedByFacebook",
    "isGuestVerifiedByGovernmentId",
    "isGuestVerifiedByPhone",
    "isPinned",
)


def reservation(seed: int, account_id: int, row: ReservationRow, line: ListingOutline) -> JsonObject:
    """The object with everything attached; `attach.shape` takes away what a request did not ask for."""
    rng = stream(seed, account_id, _PAYLOAD, row.index)
    person = guest(seed, account_id, row.guest)
    has_code = row.channel_id == AIRBNB and not row.status.startswith("inquiry")
    payload = dict(_TEMPLATE)
    payload.update(_identity(rng, row, line, has_code=has_code))
    payload.update(_stay(rng, row, line))
    payload.update(_guest(rng, row, person))
    payload.update(_state(rng, row, has_code=has_code))
    payload.update(_money(rng, row, line, has_code=has_code))
    payload.update(_attached(rng, account_id, row, line))
    payload["reservationUnit"] = _units(payload, row, line)
    if row.channel_id in (DIRECT, ENGINE):
        payload["reservationCouponId"] = _coupon(account_id, row)
    if row.channel_id == BOOKING:
        payload.update(_bookingcom(rng, person))
    return payload


def _maybe(rng: Random, field: str, value: Any) -> Any:
    """The value, or null in the recorded share of rows."""
    return None if rng.random() < _NULL[field] else value


def _amount(rng: Random, field: str, value: float) -> float | int:
    """Money as PHP writes it: whole amounts without a fraction, in the recorded share."""
    if rng.random() < _WHOLE[field]:
        return round(value)
    return round(int(value) + 0.01 + int(rng.random() * 98) / 100, 2)


def _identity(rng: Random, row: ReservationRow, line: ListingOutline, *, has_code: bool) -> JsonObject:
    code = f"HM{rng.getrandbits(40):08X}"[:10]
    channel_key = f"{line.airbnb_id}-{row.index}-{code}"
    auth = f"{rng.getrandbits(64):016x}"
    third_party = row.channel_id in (DIRECT, ENGINE)
    return {
        "id": row.id,
        "listingMapId": row.listing_id,
        "listingName": line.name,
        "channelId": row.channel_id,
        "source": CHANNEL_NAMES[row.channel_id] if third_party else None,
        "channelName": CHANNEL_NAMES[row.channel_id],
        "reservationId": channel_key,
        "hostawayReservationId": str(row.id),
        "channelReservationId": channel_key,
        "externalPropertyId": None if third_party or rng.random() < 0.07 else line.airbnb_id,
        "externalUnitId": str(rng.randrange(10**6)) if row.channel_id == VRBO and rng.random() < 0.4 else None,
        "guestAuthHash": auth,
        "guestPortalUrl": f"https://portal.example/{row.id}/{auth}",
        "confirmationCode": code if has_code else None,
        "doorCode": _maybe(rng, "doorCode", f"{rng.randrange(10_000):04d}"),
    }


def _stay(rng: Random, row: ReservationRow, line: ListingOutline) -> JsonObject:
    adults, children = rng.randint(1, max(1, line.capacity - 1)), int(rng.random() * 1.3)
    moved = rng.random() >= _NULL["previousArrivalDate"]
    return {
        "arrivalDate": row.arrival,
        "departureDate": row.departure,
        "isDatesUnspecified": int(row.unspecified),
        "previousArrivalDate": row.inserted_on[:10] if moved else None,
        "previousDepartureDate": row.departure if moved else None,
        "checkInTime": line.check_in,
        "checkOutTime": line.check_out,
        "nights": nights_of(row),
        "numberOfGuests": adults + children,
        "adults": _maybe(rng, "adults", adults),
        "children": _maybe(rng, "children", children),
        "infants": _maybe(rng, "infants", int(rng.random() * 1.1)),
        "pets": _maybe(rng, "pets", int(rng.random() * 1.1)),
    }


def _guest(rng: Random, row: ReservationRow, person: Guest) -> JsonObject:
    airbnb = row.channel_id == AIRBNB
    # Fresh Airbnb bookings arrive before the guest's name does.
    nameless = airbnb and rng.random() < 0.157
    first = None if nameless or rng.random() < 0.012 else person.first_name
    last = None if nameless or rng.random() < 0.31 else person.last_name
    has_address = not airbnb and rng.random() < 0.36
    empty = "" if has_address and rng.random() < 0.08 else None
    return {
        "guestName": "" if nameless else " ".join(filter(None, (person.first_name, last))),
        "guestFirstName": first,
        "guestLastName": last,
        "guestExternalAccountId": person.airbnb_id if airbnb else None,
        "guestPicture": person.picture if airbnb else None,
        "guestEmail": _email(rng, row, person),
        "guestZipCode": (person.zip_code if empty is None else empty) if has_address else None,
        "guestAddress": (person.street if empty is None else empty) if has_address else None,
        "guestCity": (person.city if empty is None else empty) if has_address else None,
        "guestCountry": (person.country if empty is None else empty) if has_address else None,
        "guestWork": "" if rng.random() < 0.007 else None,
        "guestTrips": int(rng.random() * 3),
        "phone": _maybe(rng, "phone", person.phone),
        "guestLocale": _maybe(rng, "guestLocale", person.locale),
        "localeForMessaging": _maybe(rng, "localeForMessaging", person.locale),
        "isGuestVerifiedByReviews": rng.getrandbits(1),
    }


def _email(rng: Random, row: ReservationRow, person: Guest) -> str | None:
    """A real address on direct channels, mostly a relay or nothing on the others."""
    if row.channel_id == AIRBNB:
        if rng.random() < 0.64:
            return None
        relay = f"relay-{rng.getrandbits(40):010x}@guest.airbnb.com"
    elif row.channel_id == BOOKING:
        return f"guest.{row.index}.{rng.randrange(10**6)}@guest.booking.com"
    elif row.channel_id == VRBO:
        relay = f"sender-{rng.getrandbits(40):010x}@messages.homeaway.com"
    else:
        relay = person.email
    return None if row.channel_id != AIRBNB and rng.random() < 0.3 else rng.choice((relay, person.email))


def _state(rng: Random, row: ReservationRow, *, has_code: bool) -> JsonObject:
    inserted = parse_stamp(row.inserted_on)
    cancelled = row.status == "cancelled"
    payload: JsonObject = {
        "isProcessed": 1,
        "isInitial": int(rng.random() < 0.1),
        "isManuallyChecked": rng.getrandbits(1),
        "isStarred": int(rng.random() < 0.03),
        "isArchived": int(rng.random() < 0.05),
        "reservationDate": stamp(inserted - int(rng.random() * 600)),
        "pendingExpireDate": _maybe(rng, "pendingExpireDate", stamp(inserted + DAY)),
        "status": row.status,
        "paymentStatus": _maybe(rng, "paymentStatus", _payment(rng)),
        "cancellationDate": row.activity_on if cancelled else None,
        "cancelledBy": rng.choice(("guest", "guest", "host")) if cancelled and rng.random() < 0.38 else None,
        "hostNote": _maybe(rng, "hostNote", rng.choice(NOTES)),
        "comment": _maybe(rng, "comment", rng.choice(NOTES) if rng.random() < 0.1 else ""),
        "airbnbCancellationPolicy": rng.choice(("moderate", "flexible", "strict_14_with_grace_period"))
        if has_code
        else None,
        "insertedOn": row.inserted_on,
        "updatedOn": row.updated_on,
        "latestActivityOn": row.activity_on,
        "reservationAgreement": rng.choice(("not_required", "not_required", "signed", "not_signed")),
        "insuranceStatus": "not_eligible",
        "cancellationPolicyId": _maybe(rng, "cancellationPolicyId", rng.randrange(1, 12)),
    }
    payload.update(dict.fromkeys(_ZEROES, 0))
    return payload


def _payment(rng: Random) -> str:
    draw = rng.random()
    return next(word for word, bound in _PAYMENT if draw < bound)


def _money(rng: Random, row: ReservationRow, line: ListingOutline, *, has_code: bool) -> JsonObject:
    price = line.price * max(1, nights_of(row)) + 90
    direct = row.channel_id in (DIRECT, ENGINE)
    payload: JsonObject = {
        # Inquiries have a price too.
        "totalPrice": _amount(rng, "totalPrice", price),
        "taxAmount": _maybe(rng, "taxAmount", _amount(rng, "taxAmount", price * 0.09)),
        "channelCommissionAmount": _amount(rng, "channelCommissionAmount", price * 0.05) if direct else None,
        "cleaningFee": _amount(rng, "cleaningFee", 90 + line.capacity * 10),
        "securityDepositFee": _maybe(rng, "securityDepositFee", 0),
        "stripeGuestId": f"cus_{rng.getrandbits(56):014x}" if direct else None,
        "currency": line.currency,
    }
    if has_code:
        for field, part in _AIRBNB_MONEY:
            payload[field] = _amount(rng, field, price * part)
        payload["airbnbListingSecurityPrice"] = 0 if rng.random() < 0.47 else None
    return payload


def _attached(rng: Random, account_id: int, row: ReservationRow, line: ListingOutline) -> JsonObject:
    stamps = {"insertedOn": row.inserted_on, "updatedOn": row.inserted_on}
    custom: list[JsonObject] = []
    if rng.random() < 0.125:
        definition = {"id": 501, "name": "Arrival by", "possibleValues": None, "type": "text", "isPublic": 0, **stamps}
        value = rng.choice(("car", "train 🚆", "plane"))
        custom = [{"id": row.id, "customFieldId": 501, "value": value, **stamps, "customField": definition}]
    fees: list[JsonObject] = []
    if row.channel_id == VRBO and rng.random() < 0.6:
        for number, name in enumerate(("Rent", "Cleaning fee", "Service fee", "Lodging tax")):
            fee = template("reservation.reservationFees[]")
            fee.update(id=row.index * 5 + number + 1, accountId=account_id, listingMapId=row.listing_id)
            fee.update(reservationId=row.id, name=name, feeType="", amount=round(20 + rng.random() * 300, 2))
            fee.update(currency=line.currency, isIncluded=1, isImported=1, **stamps)
            fees.append(fee)
    return {
        "customFieldValues": custom,
        "reservationFees": fees,
        "hostProxyEmail": f"host-{row.id}@proxy.example",
    }


def _units(payload: JsonObject, row: ReservationRow, line: ListingOutline) -> list[JsonObject]:
    """Of a listing with several units, those that were booked, each with its part of guests and price."""
    count = units_taken(row, line) if line.units > 1 else 0
    total, guests = payload["totalPrice"], payload["numberOfGuests"]
    return [
        {
            "id": row.index * 5 + place + 1,
            "reservationId": row.id,
            "listingUnitId": line.child_id + 1 + (row.index + place) % line.units,
            "externalReservationId": payload["channelReservationId"],
            "externalReservationUnitId": None,
            "guestName": payload["guestName"],
            "guestFirstName": payload["guestFirstName"],
            "guestLastName": payload["guestLastName"],
            "numberOfGuests": guests // count + int(place < guests % count),
            "adults": payload["adults"],
            "children": payload["children"],
            "infants": payload["infants"],
            "pets": payload["pets"],
            "totalPrice": round(total / count, 2),
        }
        for place in range(count)
    ]


def _coupon(account_id: int, row: ReservationRow) -> int | None:
    """The code that one in eight direct bookings was made with, see `extras.coupons`."""
    draw = mix(account_id, row.id)
    return None if draw & 7 else (account_id % 1000) * 1_000 + 1 + (draw >> 8) % 4


def _bookingcom(rng: Random, person: Guest) -> JsonObject:
    """Fields of Booking.com rows. Other rows do not have the keys."""
    return {
        "bookingcomSpecialRequests": {"remarks": rng.choice(NOTES), "geniusFreebies": []},
        "bookingcomSmokingPreference": rng.getrandbits(1),
        "bookingcomIsGeniusMember": rng.getrandbits(1),
        "bookingcomBookerName": f"{person.first_name} {person.last_name}",
        "bookingcomBookerCompany": None,
        "bookingcomNoShowReportedAt": None,
        "bookingcomNoShowFeeWaived": rng.random() < 0.5,
    }
