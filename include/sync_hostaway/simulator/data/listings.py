"""Listings from the seed: a light outline per listing at the start, the full object at the first read."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from sync_hostaway.simulator.data.clock import DAY, stamp
from sync_hostaway.simulator.data.recorded import null_share, template
from sync_hostaway.simulator.data.rows import JsonObject
from sync_hostaway.simulator.data.seeds import mix, stream
from sync_hostaway.simulator.data.texts import (
    ADJECTIVES,
    AMENITIES,
    CITIES,
    FIRST_NAMES,
    HOMES,
    ROOMS,
    SENTENCES,
    STREETS,
)

_LISTING = 21
_ARCHIVED_SHARE = 0.04
_TAGS = ("beach", "pets welcome", "long stays")


class ListingOutline(NamedTuple):
    """What other objects need to know of a listing."""

    id: int
    number: int
    name: str
    currency: str
    timezone: str
    airbnb_id: str
    images: int
    amenities: int
    price: int
    capacity: int
    check_in: int
    check_out: int
    place: int
    child_id: int  # first id of its images, amenities, beds, fees and units
    units: int = 1


def outline(seed: int, account_id: int, index: int) -> ListingOutline:
    rng = stream(seed, account_id, _LISTING, index)
    place = rng.randrange(len(CITIES))
    name = f"{rng.choice(ADJECTIVES)} {rng.choice(HOMES)} in {CITIES[place][0]} #{index + 1}"
    return ListingOutline(
        id=(account_id % 1000) * 1_000_000 + 10_001 + index * 7 + rng.randrange(7),
        number=index,
        name=name,
        currency=CITIES[place][4],
        timezone=CITIES[place][5],
        airbnb_id=str(rng.randrange(10**7, 10**9)),
        images=rng.randint(18, 36),
        amenities=rng.randint(30, 48),
        price=rng.randrange(60, 420),
        capacity=rng.randint(2, 12),
        check_in=rng.choice((15, 16, 16, 17)),
        check_out=rng.choice((10, 10, 11)),
        place=place,
        child_id=(account_id % 200) * 10_000_000 + 1_000 + index * 100,
        units=_units(seed, account_id, index),
    )


def _units(seed: int, account_id: int, index: int) -> int:
    """Most listings are one home; one in eight is a type of several equal units."""
    draw = mix(seed, account_id, _LISTING, index, 3)
    return 1 if draw & 7 else 2 + (draw >> 8) % 3


def listing(seed: int, account_id: int, line: ListingOutline, anchor: int) -> JsonObject:
    """The full listing; `anchor` in Unix seconds, no timestamp is later."""
    rng = stream(seed, account_id, _LISTING, line.number, 1)
    inserted = anchor - rng.randrange(800 * DAY, 1500 * DAY)
    payload = template("listing")
    payload.update(_words(rng, line))
    payload.update(_place(rng, line))
    payload.update(_rooms(rng, line))
    payload.update(_prices(rng, line))
    payload.update(_channels(rng, line))
    payload.update(_contents(rng, account_id, line, inserted))
    draw = mix(seed, account_id, _LISTING, line.number, 2)
    payload["bookingEngineUrls"] = [f"https://booking.example/{line.id}"] if draw & 1 else []
    tags = [{"id": number + 1, "name": name} for number, name in enumerate(_TAGS) if draw >> 8 + 2 * number & 3 == 0]
    payload["listingTags"] = tags
    payload["listingUnits"] = _units_of(line)
    payload["customFieldValues"] = _custom_fields(line, stamp(inserted)) if draw >> 16 & 3 == 0 else []
    payload["specialStatus"] = "archived" if rng.random() < _ARCHIVED_SHARE else None
    payload["insertedOn"] = stamp(inserted)
    payload["latestActivityOn"] = stamp(anchor - rng.randrange(60, 60 * DAY))
    return payload


def _text(rng: Random, sentences: int) -> str:
    return "\n\n".join(rng.sample(SENTENCES, sentences))


def _words(rng: Random, line: ListingOutline) -> JsonObject:
    description = None if rng.random() < null_share("listing", "description") else _text(rng, 4)
    booking_text = None if rng.random() < null_share("listing", "bookingcomPropertyDescription") else _text(rng, 2)
    return {
        "id": line.id,
        "propertyTypeId": rng.choice((1, 2, 3, 19, 35)),
        "name": line.name,
        "externalListingName": line.name,
        "internalListingName": f"{line.name.split()[0][:3].upper()}-{line.number + 1:03d}",
        "description": description,
        "houseRules": "No parties.\nNo smoking.\nQuiet hours 22:00 to 07:00.",
        "airbnbName": line.name,
        "airbnbSummary": _text(rng, 2),
        "airbnbSpace": _text(rng, 2),
        "airbnbAccess": "Guests have the whole house to themselves.",
        "airbnbInteraction": rng.choice(("", "We live nearby.", "Write any time 😊", "Self check-in.")),
        "airbnbNeighborhoodOverview": _text(rng, 1),
        "airbnbNotes": "The attic is locked.",
        "homeawayPropertyName": line.name,
        "homeawayPropertyHeadline": f"{line.name}: sleeps {line.capacity}",
        "homeawayPropertyDescription": _text(rng, 3),
        "bookingcomPropertyName": rng.choice(("", line.name, line.name, line.name)),
        "bookingcomPropertyRoomName": "Entire home",
        "bookingcomPropertyDescription": booking_text,
        "cancellationPolicy": rng.choice(("flexible", "moderate", "firm", "strict")),
        "language": "en",
        "currencyCode": line.currency,
        "timeZoneName": line.timezone,
    }


def _place(rng: Random, line: ListingOutline) -> JsonObject:
    city, state, country, code, _, _, lat, lng = CITIES[line.place]
    street = f"{rng.randrange(1, 900)} {rng.choice(STREETS)} Lane"
    thumbnail = None if rng.random() < null_share("listing", "thumbnailUrl") else _image_url(line.id, 0)
    return {
        "country": country,
        "countryCode": code,
        "state": state,
        "city": city,
        "street": street,
        "address": f"{street}, {city}, {state}, {country}",
        "publicAddress": f"{city}, {state}, {country}",
        "zipcode": f"{rng.randrange(1_000, 99_999):05d}",
        "lat": round(lat + rng.uniform(0.0001, 0.09), 5) + 0.000001,
        "lng": round(lng + rng.uniform(0.0001, 0.09), 5) + 0.000001,
        "thumbnailUrl": thumbnail,
        "contactName": rng.choice(FIRST_NAMES),
        "contactPhone1": f"+1555{rng.randrange(10**7):07d}",
    }


def _rooms(rng: Random, line: ListingOutline) -> JsonObject:
    bedrooms = max(1, line.capacity // 2)
    return {
        "personCapacity": line.capacity,
        "roomType": "entire_home",
        "bathroomType": "private",
        "bedroomsNumber": bedrooms,
        "bedsNumber": bedrooms + rng.randrange(3),
        "bathroomsNumber": rng.randint(1, 4),
        "squareMeters": rng.choice((40, round(rng.uniform(30, 250), 1) + 0.05)),
        "minNights": rng.choice((1, 2, 3)),
        "maxNights": 365,
        "guestsIncluded": min(4, line.capacity),
        "checkInTimeStart": line.check_in,
        "checkInTimeEnd": None if rng.random() < null_share("listing", "checkInTimeEnd") else 22,
        "checkOutTime": line.check_out,
        "instantBookable": rng.randrange(2),
        "airbnbBookingLeadTime": 0,
        "airbnbBookingLeadTimeAllowRequestToBook": rng.choice((None, 0, 1)),
        "allowSameDayBooking": rng.randrange(2),
        "sameDayBookingLeadTime": 16,
        "wifiUsername": f"guest-{line.number + 1}",
        "wifiPassword": f"wifi-{rng.randrange(10**8):08d}",
        "doorSecurityCode": f"{rng.randrange(10**6):06d}" if rng.random() < 0.15 else rng.choice((None, None, "")),
        "cleannessStatus": rng.choice((None, "0", "1")),
        "averageReviewRating": rng.choice((9, 10, round(rng.uniform(7.01, 9.99), 2))),
    }


def _prices(rng: Random, line: ListingOutline) -> JsonObject:
    return {
        "price": line.price,
        "weeklyDiscount": rng.choice((1, 0.95, 0.9)),
        "monthlyDiscount": rng.choice((1, 0.85, 0.8)),
        "propertyRentTax": 0,
        "guestPerPersonPerNightTax": 0,
        "guestStayTax": 0,
        "guestNightlyTax": 0,
        "refundableDamageDeposit": rng.choice((0, 200, 500)),
        "isDepositStayCollected": rng.randrange(2),
        "cleaningFee": rng.choice((90, round(rng.uniform(60, 200), 1) + 0.05)),
        "checkinFee": 0,
        "priceForExtraPerson": rng.choice((0, 15, 25)),
        "airbnbPetFeeAmount": None if rng.random() < null_share("listing", "airbnbPetFeeAmount") else 50,
        "partnersListingMarkup": 0,
        "airbnbOfficialListingMarkup": 1.15,
        "bookingEngineMarkup": 0,
        "homeawayApiMarkup": 1.08,
        "marriottListingMarkup": 0,
    }


def _channels(rng: Random, line: ListingOutline) -> JsonObject:
    policies = ("cancellationPolicyId", "vrboCancellationPolicyId", "marriottCancellationPolicyId")
    more = ("bookingCancellationPolicyId", "airbnbCancellationPolicyId")
    payload: JsonObject = {name: rng.randrange(1, 12) for name in policies + more}
    payload.update(
        airbnbExportStatus="exported",
        vrboExportStatus="exported",
        googleExportStatus="not_exported",
        airbnbListingUrl=f"https://channels.example/airbnb/rooms/{line.airbnb_id}",
        vrboListingUrl=f"https://channels.example/vrbo/{line.id}",
        googleVrListingUrl=f"https://channels.example/google/{line.id}",
        expediaListingUrl=f"https://channels.example/expedia/{line.id}",
    )
    return payload


def _image_url(listing_id: int, position: int) -> str:
    return f"https://images.example/listing/{listing_id}/{position:02d}.jpg"


def _image(rng: Random, line: ListingOutline, position: int) -> JsonObject:
    caption = rng.choice(("", f"{rng.choice(ROOMS)} of the {rng.choice(HOMES).lower()}", rng.choice(ROOMS)))
    return {
        "id": line.child_id + position,
        "caption": caption,
        "bookingEngineCaption": None if rng.random() < 0.995 else caption,
        "airbnbCaption": rng.choice((None, "", caption or "view")),
        "vrboCaption": None if rng.random() < 0.85 else caption or "view",
        "url": _image_url(line.id, position),
        "sortOrder": position + 1,
    }


def _contents(rng: Random, account_id: int, line: ListingOutline, inserted: int) -> JsonObject:
    names = rng.sample(AMENITIES, line.amenities)
    beds = range(1, max(1, line.capacity // 2) + 1)
    fees: list[JsonObject] = [_fee(account_id, line, inserted)] if rng.random() < 0.14 else []
    return {
        "listingAmenities": [
            {"id": line.child_id + n, "amenityId": AMENITIES.index(name) + 1, "amenityName": name}
            for n, name in enumerate(names)
        ],
        "listingBedTypes": [
            {"id": line.child_id + n, "bedTypeId": rng.randrange(1, 9), "quantity": 1, "bedroomNumber": n} for n in beds
        ],
        "listingImages": [_image(rng, line, position) for position in range(line.images)],
        "listingFeeSetting": fees,
    }


def _units_of(line: ListingOutline) -> list[JsonObject]:
    """The units of a listing that has several."""
    if line.units == 1:
        return []
    return [
        {
            "id": line.child_id + n,
            "name": f"{line.name} {n}",
            "ground": str(n // 2),
            "unitNumber": str(100 + n),
            "listingMapIdUnit": None,
        }
        for n in range(1, line.units + 1)
    ]


_CUSTOM_FIELDS = ((401, "Pinball fee", "25", 1), (402, "Door code", "4711#", 1), (403, "Owner's name", "Ms. Merrow", 0))


def _custom_fields(line: ListingOutline, moment: str) -> list[JsonObject]:
    """One that everyone may see, one with a secret, and one that is hidden without includeResources=1."""
    stamps = {"insertedOn": moment, "updatedOn": moment}
    return [
        {
            "id": line.child_id + place,
            "customFieldId": number,
            "value": value,
            **stamps,
            "customField": {
                "id": number,
                "name": name,
                "possibleValues": None,
                "type": "text",
                "isPublic": public,
                **stamps,
            },
        }
        for place, (number, name, value, public) in enumerate(_CUSTOM_FIELDS)
    ]


def _fee(account_id: int, line: ListingOutline, inserted: int) -> JsonObject:
    payload = template("listing.listingFeeSetting[]")
    payload.update(
        id=line.child_id,
        accountId=account_id,
        listingMapId=line.id,
        feeType="petFee",
        feeTitle="Pet fee",
        feeAppliedPer="reservation",
        amount=50,
        amountType="flat",
        isMandatory=0,
        isQuantitySelectable=1,
        appearsIn=["price"],
        channelId=2000,
        displayInRent=0,
        insertedOn=stamp(inserted),
        updatedOn=stamp(inserted),
    )
    return payload
