"""Which values of a payload are secrets: told by the words of their keys, however these are joined."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.transforms import find_project

pytestmark = pytest.mark.integration

PLACES = [
    "door",
    "lock",
    "gate",
    "key",
    "access",
    "entry",
    "alarm",
    "safe",
    "garage",
    "wifi",
    "lockbox",
    "keypad",
    "entrance",
    "unlock",
    "portal",
    "padlock",
    "vault",
    "community",
]
CODES = ["code", "pin", "password", "passcode", "pass", "codes"]
ALONE = [
    "deadboltCode",
    "callBoxCode",
    "checkInCode",
    "checkin_pin",
    "apartmentCode",
    "openingCode",
    "nukiCode",
    "digicode",
    "cardNumber",
    "password",
    "secret",
    "token",
    "pin",
    "pwd",
    "pinCode",
    "passcode",
    "apiKey",
    "wifiKey",
    "userPinHash",
    "accessToken",
    "hash",
    "guestPortalUrl",
]
IDENTIFYING = [
    *("iban", "bank iban", "bic", "swift code", "account number", "bank account no", "routing number", "sort code"),
    *(
        "bank account",
        "clabe",
        "card number",
        "card no",
        "cvv",
        "cvv2",
        "cvc",
        "csc",
        "card expiry",
        "card holder name",
    ),
    *("guest credit card", "passport", "passport number", "guest passport no", "passport id", "visa number", "ssn"),
    *("guest ssn", "social security number", "tax id", "tax number", "taxpayer identification number", "vat id"),
    *("national id", "identity card number", "id number", "id card", "id document number", "document number"),
    *("driver license", "drivers licence number", "dni", "guest cpf", "fiscal code", "personal id"),
    *("jwt", "id jwt", "bearer", "otp", "totp code", "mfa code", "2fa code", "one time code", "backup codes"),
    *("authorization", "x authorization", "auth", "authorization header", "basic auth", "cookie", "session cookie"),
    *("set cookie", "session id", "csrf", "credentials", "passphrase", "private key", "ssh key", "signing key"),
    *("webhook secret", "secret word", "client secret", "refresh token", "token value", "secret answer"),
]
READABLE = [
    *(
        f"{word}Code"
        for word in [
            "zip",
            "postal",
            "country",
            "currency",
            "channel",
            "confirmation",
            "coupon",
            "language",
            "promo",
            "area",
            "tax",
        ]
    ),
    *("zip_code", "Postal code", "COUNTRY_CODE", "guestZipCode", "currency-code", "countrycode", "blockCode", "code"),
    *("Pinball fee", "isPinned", "shippingFee", "spin", "mapPin", "opinion", "pinnedAt", "passengers"),
    *(
        "doorman",
        "keyword",
        "keyPoints",
        "lockedAt",
        "isLocked",
        "gateDistance",
        "accessibility",
        "wifiUsername",
        "monkeys",
    ),
    *("doorNumber", "smartLockId", "alarmClock", "safety", "safetyFeatures", "entryFee", "accessFee", "garageSpaces"),
    *(
        "tokenized",
        "cardTokenized",
        "tokenisation",
        "secretary",
        "bicycle",
        "caliban",
        "ssntotal",
        "panorama",
        "expand",
    ),
    *(
        "passportCountry",
        "passportExpiresOn",
        "documentType",
        "idType",
        "nationality",
        "visaRequired",
        "identityVerified",
    ),
    *(
        "cardType",
        "cardBrand",
        "accountId",
        "accountName",
        "bankName",
        "taxAmount",
        "taxIncluded",
        "vatRate",
        "invoiceNumber",
    ),
    *(
        "preAuthorization",
        "authorizationDate",
        "authorName",
        "cookiePolicy",
        "sessionCount",
        "socialMedia",
        "driverName",
    ),
    *(
        "licenseNumber",
        "roomNumber",
        "phoneNumber",
        "hotpot",
        "robotplan",
        "swiftly",
        "basicAuthor",
        "paidByCreditCardFee",
    ),
    *("accessCountryCode", "keyCurrencyCode", "postalCodeKey", "codeName", "locker", "turkeyCodeName", "hashtag"),
]


def camel(words: list[str]) -> str:
    return words[0] + "".join(word.capitalize() for word in words[1:])


JOINED = (
    camel,
    lambda words: "".join(word.capitalize() for word in words),
    "_".join,
    "-".join,
    " ".join,
    lambda words: "_".join(words).upper(),
    lambda words: " ".join(word.capitalize() for word in words),
    ".".join,
)


def landed_meta(harness: LandingHarness, payload: dict[str, Any]) -> dict[str, Any]:
    """What core has of a reservation with this payload, at the top and deeper."""
    start = harness.value("select coalesce(max(entity_id::bigint), 0) + 1 from landing.reservations")
    deep = {"note": {"deeper": [payload]}, "unheardOf": [[payload]]}
    harness.land("reservations", reservation(start, **payload, **deep))
    harness.transform()
    meta = harness.value("select pms_meta from hostaway.reservations where reservation_id = %s", start)
    assert meta["note"]["deeper"] == meta["unheardOf"][0] == [{key: meta[key] for key in payload}]
    return {key: meta[key] for key in payload}


@pytest.fixture
def harness(harness: LandingHarness) -> LandingHarness:
    harness.land("listings", listing(1))
    return harness


def test_a_code_for_any_lock_is_masked_in_every_spelling(harness: LandingHarness) -> None:
    words = [
        parts
        for place, code in itertools.product(PLACES, CODES)
        for parts in ([place, code], ["front", place, code], [place, "2", code], [place, code, "instruction"])
    ]
    keys = {joined(parts) for parts in words for joined in JOINED} | set(ALONE)
    keys |= {place + code for place, code in itertools.product(PLACES, ["code", "pin"])}
    meta = landed_meta(harness, dict.fromkeys(keys, "s3cret"))
    assert {key for key, value in meta.items() if value != "***"} == set()


def test_numbers_of_people_and_credentials_are_masked_in_every_spelling(harness: LandingHarness) -> None:
    keys = {joined(name.split()) for name in IDENTIFYING for joined in JOINED}
    meta = landed_meta(harness, dict.fromkeys(keys, "s3cret"))
    assert {key for key, value in meta.items() if value != "***"} == set()


def test_one_secret_alone_is_found(harness: LandingHarness) -> None:
    """Nothing else in the payload is suspicious."""
    words = [[place, "code"] for place in PLACES] + [["front", "door", code] for code in CODES]
    words += [name.split() for name in IDENTIFYING]
    keys = sorted({joined(parts) for parts in words for joined in JOINED} | set(ALONE))
    rows: list[dict[str, Any]] = [
        {key: "s3cret"} if place % 2 else {"note": [{"of": {key: "s3cret"}}]} for place, key in enumerate(keys)
    ]
    harness.land("reservations", *(reservation(place, **row) for place, row in enumerate(rows, start=1)))
    harness.transform()
    missed = harness.rows("select reservation_id from hostaway.reservations where pms_meta::text like '%s3cret%'")
    assert [keys[number - 1] for (number,) in missed] == []


def test_what_opens_nothing_stays_readable(harness: LandingHarness) -> None:
    assert landed_meta(harness, dict.fromkeys(READABLE, "plain")) == dict.fromkeys(READABLE, "plain")


@given(st.data())
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_around_a_code_change_nothing(harness: LandingHarness, data: st.DataObject) -> None:
    around = st.lists(
        st.sampled_from(["main", "guest", "unit", "new", "old", "my", "the", "second", "floor", "x9", "of", "for"]),
        max_size=3,
    )

    def keys(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
        parts = st.tuples(around, inner, around).map(lambda three: [word for part in three for word in part])
        return st.tuples(st.sampled_from(JOINED), parts).map(lambda pair: pair[0](pair[1]))

    opening = st.tuples(st.sampled_from(PLACES), around, st.sampled_from(CODES)).map(
        lambda parts: [parts[0], *parts[1], parts[2]]
    )
    harmless = st.sampled_from(
        ["zip", "postal", "country", "currency", "channel", "confirmation", "coupon", "language"]
    ).map(lambda word: [word, "code"])
    secret = data.draw(st.sets(keys(opening), min_size=100, max_size=100))
    plain = data.draw(st.sets(keys(harmless), min_size=100, max_size=100)) - secret
    meta = landed_meta(harness, dict.fromkeys(secret, "s3cret") | dict.fromkeys(plain, "plain"))
    assert {key for key in secret if meta[key] != "***"} == set()
    assert {key for key in plain if meta[key] != "plain"} == set()


def test_a_custom_field_is_readable_when_it_is_public_and_opens_nothing(harness: LandingHarness) -> None:
    names = {
        "Pinball fee": True,
        "Zip code": True,
        "Monkey bars": True,
        "Parking fee": True,
        "Blockout": True,
        "Gate": False,
        "Lockbox": False,
        "Key": False,
        "WiFi": False,
        "Wi-Fi": False,
        "Alarm PIN": False,
        "doorPin": False,
        "Türcode": False,
        "Código de acceso": False,
        "Code": False,
    }
    values = [
        {"id": place, "value": f"value {place}", "customField": {"name": name, "isPublic": 1}}
        for place, name in enumerate(names)
    ]
    values.append({"id": 99, "value": "hidden", "customField": {"name": "Pinball fee", "isPublic": 0}})
    with_gaps = {str(2 * place): value for place, value in enumerate(values)}
    harness.land("reservations", reservation(1, customFieldValues=values), reservation(2, customFieldValues=with_gaps))
    harness.transform()
    for (found,) in harness.rows("select pms_meta -> 'customFieldValues' from hostaway.reservations"):
        readable = {field["customField"]["name"] for field in found if field["value"] != "***"}
        assert len(found) == len(values)
        assert readable == {name for name, is_readable in names.items() if is_readable}
        assert sum(field["value"] != "***" for field in found) == len(readable)


def as_it_is(inner: Any) -> Any:
    return inner


def as_list(inner: Any) -> Any:
    return [inner]


def with_gaps(inner: Any) -> Any:
    """An array as PHP encodes it when its keys do not begin at 0."""
    return {"1": inner, "7": {"value": "plain"}}


def as_object(inner: Any) -> Any:
    return {"of": inner, "count": 2}


def as_json_text(inner: Any) -> Any:
    return json.dumps(inner)


def as_json_text_of_php(inner: Any) -> Any:
    return json.dumps(inner, separators=(" ,", " :"), indent=1)


AROUND = st.lists(st.sampled_from([as_list, with_gaps, as_object, as_json_text, as_json_text_of_php]), max_size=5)
AT = st.sampled_from(["unheardOf", "customFieldValues", "hostNote", "comment", "financeField", "listing"])
SECRETS = [
    *("doorCode", "wifiPassword", "Front door code", "ccNumber"),
    *("customFieldValues", "lock_pin", "apiKey", "guestPortalUrl"),
]
RESOURCES = {
    "listings": "listing_id",
    "reservations": "reservation_id",
    "reviews": "review_id",
    "tasks": "task_id",
    "users": "user_id",
    "coupons": "coupon_id",
    "conversations": "conversation_id",
}


@given(st.data())
# A transform for each step of shrinking would take minutes.
@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_secret_at_any_depth_and_in_any_shape_of_an_array_is_masked(
    harness: LandingHarness, data: st.DataObject
) -> None:
    plants = data.draw(st.lists(st.tuples(AT, st.sampled_from(SECRETS), AROUND), min_size=60, max_size=60))
    for place, (at, name, shapes) in enumerate(plants, start=1):
        planted: Any = {"id": 5, name: with_gaps("s3cret") if place % 3 else "s3cret"}
        for shape in shapes:
            planted = shape(planted)
        for resource in RESOURCES:
            payload = listing(place) if resource == "listings" else reservation(place)
            harness.land(resource, {**payload, at: planted})
    harness.transform()
    for table, key in RESOURCES.items():
        missed = harness.rows(f"select {key}, t::text from hostaway.{table} as t where pms_meta::text like '%s3cret%'")
        assert [plants[number - 1] for number, _ in missed] == [], table


def known_fields(resource: str) -> list[str]:
    macro = (find_project() / "macros" / "known_fields.sql").read_text(encoding="utf-8")
    listed = re.search(rf'"{resource}": \((.*?)\)\.split', macro, re.DOTALL)
    assert listed is not None
    return re.findall(r"\w+", listed[1])


def test_a_known_field_is_masked_as_in_a_text_whose_keys_are_all_checked(harness: LandingHarness) -> None:
    """The names of known fields are not checked in objects, so none of them may be secret."""
    expected = {}
    for resource in RESOURCES:
        own = listing(2) if resource == "listings" else reservation(2)
        fields = {name: "s3cret" for name in known_fields(resource) if name not in {*own, "customFieldValues"}}
        texts = {name: json.dumps({name: "s3cret"}) for name in fields}
        harness.land(resource, {**fields, **own, "unheardOf": list(texts.values())})
        expected[resource] = fields
    harness.transform()
    for resource, key in RESOURCES.items():
        meta = harness.value(f"select pms_meta from hostaway.{resource} where {key} = 2")
        found = meta.keys() & expected[resource].keys()
        assert found
        in_text = dict(zip(expected[resource], meta["unheardOf"], strict=True))
        assert {name for name in found if meta[name] == "***"} == {name for name in found if in_text[name] == "***"}, (
            resource
        )


def test_no_known_field_of_an_object_in_a_payload_has_a_secret_name(harness: LandingHarness) -> None:
    macro = (find_project() / "macros" / "nested_fields.sql").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", macro)) - {"customFieldValues", "customFieldValue", "custom_field_value"}
    assert {"listingFeeSettingId", "jsonValue", "remarks"} <= words
    # in texts, because the names of known fields are not checked in objects
    texts = [json.dumps({word: "plain"}) for word in sorted(words)]
    secret = json.dumps({"doorPin": "plain"})
    assert landed_meta(harness, {"texts": [*texts, secret]}) == {"texts": [*texts, "***"]}


def test_an_object_inside_a_known_field_is_checked(harness: LandingHarness) -> None:
    shapes = [as_list, with_gaps, as_object, as_json_text, as_json_text_of_php, as_it_is]
    places: list[dict[str, Any]] = []
    for shape in shapes:
        secret = shape({"id": 5, "doorCode": "s3cret"})
        places += [
            {"financeField": secret},
            {"financeField": [{"id": 1, "value": 5}, secret]},
            {"financeField": [{"id": 1, "jsonValue": secret}]},
            {"financeField": {"1": {"jsonValue": secret}}},
            {"cancellationPolicyDetails": {"cancellationPolicyItem": secret}},
            {"hostNote": secret},
            {"hostNote": [[secret]]},
        ]
    harness.land("reservations", *(reservation(place, **fields) for place, fields in enumerate(places, start=1)))
    harness.transform()
    metas = harness.rows("select reservation_id, pms_meta from hostaway.reservations")
    assert len(metas) == len(places)
    assert [places[number - 1] for number, meta in metas if "s3cret" in json.dumps(meta)] == []


@pytest.mark.parametrize(
    "text",
    [
        '{"Zip code": "9", "said": "to the door: code"}',
        'She said "hello": fine',
        '[{"country_code": "DE"}]',
        'the "door code" is at the desk',
    ],
)
def test_json_text_without_a_secret_stays(harness: LandingHarness, text: str) -> None:
    harness.land("reservations", reservation(1, hostNote=text, unheardOf=[text]))
    harness.transform()
    assert harness.value("select pms_meta -> 'hostNote' from hostaway.reservations") == text
    assert harness.value("select pms_meta -> 'unheardOf' -> 0 from hostaway.reservations") == text
