"""Normalizes names for comparison, and derives the role of a sender from the name."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_ACCENTS = re.compile("[\u0300-\u036f]")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_IN_BRACKETS = re.compile(r"^(.*?)\s*[(\[]([^()\[\]]+)[)\]]\s*$")

GUEST, HOST, AUTOMATION = "guest", "host", "automation"
_GUEST_WORDS = (
    "guest|visitor|customer|client|traveler|traveller|tenant|incoming|inbound|received|gast|huesped|invite|voyageur|"
    "ospite|hospede|gosc|misafir|гость|客人|房客|ゲスト|게스트|ضيف"
)
_HOST_WORDS = (
    "host|cohost|owner|manager|property manager|staff|team|support|agent|admin|reception|concierge|me|you|we|us|"
    "outgoing|outbound|sent|gastgeber|anfitrion|anfitriona|hote|anfitriao|gastheer|gospodarz|ev sahibi|хозяин|"
    "房东|主人|ホスト|호스트|مضيف"
)
_AUTOMATION_WORDS = "automation|automated|automatic|automated message|automatic message|auto reply|system|bot"
_ROLES = {
    word: role
    for role, words in ((GUEST, _GUEST_WORDS), (HOST, _HOST_WORDS), (AUTOMATION, _AUTOMATION_WORDS))
    for word in words.split("|")
}
# They mean a side only where they stand alone.
_ALONE = {"me", "you", "we", "us", "sent", "received", "incoming", "outgoing", "system", "support", "team"}


def fold(name: str) -> str:
    """A name as it is compared: its words in lower case, without accents and punctuation.

    File systems replace characters in names, and one of them splits letters from their accents.
    """
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", name).casefold())
    plain = unicodedata.normalize("NFKC", plain)
    return _BETWEEN_WORDS.sub(" ", plain).strip() or plain.strip()


def role_of(sender: str, guest_name: str | None, *, whole: bool = False) -> str | None:
    """Who a sender is: `guest`, `host` or `automation`. None when the name does not tell.

    :param guest_name: of the transcript; its first word alone counts as well.
    :param whole: whether the whole name has to be a word for one of them; otherwise, one of three words may be.
    """
    in_brackets = _IN_BRACKETS.match(sender)
    if in_brackets and fold(in_brackets[2]) in _ROLES:
        return _ROLES[fold(in_brackets[2])]
    name = fold(in_brackets[1] if in_brackets else sender)
    guest = fold(guest_name or "")
    if guest and name in (guest, guest.split()[0]):
        return GUEST
    if name in _ROLES:
        return _ROLES[name]
    words = name.split()
    if whole or len(words) > 3:
        return None
    found = {_ROLES[word] for word in words if word in _ROLES and word not in _ALONE}
    return found.pop() if len(found) == 1 else None


def fingerprint(account_id: int, guest_name: str) -> str:
    """What is remembered of the name of an erased guest: enough to recognise it, without the name itself."""
    return hashlib.sha256(f"erased guest {account_id} {fold(guest_name)}".encode()).hexdigest()
