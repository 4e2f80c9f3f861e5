"""Guests: persons who book repeatedly and over several channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sync_hostaway.simulator.data.seeds import stream
from sync_hostaway.simulator.data.texts import CITIES, FIRST_NAMES, LAST_NAMES, LOCALES, STREETS

_GUEST = 11


@dataclass(frozen=True, slots=True)
class Guest:
    """What stays the same about a person from booking to booking."""

    number: int
    first_name: str
    last_name: str
    email: str
    phone: str
    locale: str
    airbnb_id: str
    picture: str
    street: str
    city: str
    country: str
    zip_code: str


@lru_cache(maxsize=20_000)
def guest(seed: int, account_id: int, number: int) -> Guest:
    """The person with this number in the account's guest pool."""
    rng = stream(seed, account_id, _GUEST, number)
    place = rng.choice(CITIES)
    airbnb_id = str(rng.randrange(1_000_000, 700_000_000))
    return Guest(
        number=number,
        first_name=rng.choice(FIRST_NAMES),
        last_name=rng.choice(LAST_NAMES),
        email=f"guest.{account_id}.{number}@mail.example",
        phone=f"+1555{rng.randrange(10**7):07d}",
        locale=rng.choice(LOCALES),
        airbnb_id=airbnb_id,
        picture=f"https://pictures.example/users/{airbnb_id}/profile.jpg",
        street=f"{rng.randrange(1, 400)} {rng.choice(STREETS)} Street",
        city=place[0],
        country=place[3],
        zip_code=f"{rng.randrange(10_000, 99_999)}",
    )
