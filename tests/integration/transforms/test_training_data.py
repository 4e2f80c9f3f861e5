"""Training data: no secret in any file, a guest in one split only, the same rows give the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from landing_harness import LandingHarness, listing, reservation
from sync_hostaway.cli import main as cli
from sync_hostaway.core.exceptions import InvalidValue
from sync_hostaway.exports.training_data import Message, export_training_data, pairs_of, split_of

pytestmark = pytest.mark.integration

# A sentence per kind in English, German, Spanish, French, Italian and Portuguese. {} is the secret.
SENTENCES = {
    "name": "Hi {} and welcome|Hallo {}, willkommen|Hola {}, bienvenida|Bonjour {}, bienvenue|Ciao {}, benvenuta|Olá {}, bem-vinda",
    "relative": "my wife {} arrives first|meine Frau {} kommt zuerst|mi esposa {} llega antes|ma femme {} arrive|mia moglie {} arriva|minha esposa {} chega",
    "email": "write to {} please|bitte an {} schreiben|escribe a {}|écrivez à {}|scrivi a {}|escreva para {}",
    "phone": "call me at {} today|ruf mich unter {} an|llámame al {}|appelez le {}|chiamami al {}|ligue para {}",
    "address": "we live at {} now|wir wohnen in {} jetzt|vivimos en {}|nous habitons {}|abitiamo in {}|moramos em {}",
    "wifi name": "the network name is {}|das Netzwerk heißt {}|la red se llama {}|le réseau s'appelle {}|la rete si chiama {}|a rede chama-se {}",
    "wifi password": "the password is {}|das WLAN-Passwort lautet {}|la contraseña es {}|le mot de passe est {}|la password è {}|a senha é {}",
    "door code": "door code {} at the gate|Türcode {} am Tor|el código es {}|le digicode est {}|il codice è {}|o código é {}",
    "portal": "open {} now|öffne {} jetzt|abre {} ya|ouvrez {} vite|apri {} ora|abra {} agora",
    "card": "my card {} expires|meine Karte {} läuft ab|mi tarjeta {} caduca|ma carte {} expire|la mia carta {} scade|meu cartão {} vence",
    "iban": "send it to {} soon|überweise an {} bald|transfiere a {}|virement à {}|bonifico a {}|transfira para {}",
    "passport": "passport {} is mine|Reisepass {} gehört mir|pasaporte {} es mío|passeport {} ici|passaporto {} mio|passaporte {} meu",
}
VALUES = {
    "name": ["Zebulon", "Quilliam Trask", "Ómarra"],
    "relative": ["Yevanna", "Brünnhild", "Xóchitl Vale"],
    "email": ["zeb{n}@mail.example", "q.trask+{n}@post.example.org", "omarra{n} at mail dot example"],
    "phone": ["+49 170 55{n:03} 77", "(0{n:03}) 555-0199", "0033.6.{n:04}.88.99"],
    "address": ["{n} Quincewood Road", "Quincewood, Larchfield {n}", "Via Quincewood {n}"],
    "wifi name": ["Quaynet{n}", "Seaspray Villa", "MeerQuay"],
    "wifi password": ["sunquay", "Zonnequay{n}", "blue quay lagoon"],
    "door code": ["{n:04}#", "7{n:03}", "8-{n:03}-1"],
    "portal": ["https://portal.quay.example/g/{n}", "www.quayportal.example/{n}", "quay.guestportal.example/x{n}"],
    "card": ["4111 1111 1111 {n:04}", "5500-0000-0000-{n:04}", "37828224631{n:04}"],
    "iban": ["DE89 3704 0044 0532 {n:04} 00", "ES91210004184502{n:04}1332", "GB29NWBK6016133192{n:04}"],
    "passport": ["C01X{n:03}T47", "X{n:06}Q", "YA{n:07}"],
}


def planted() -> list[tuple[str, str]]:
    """Sentence and secret: 12 kinds, six languages, three forms each."""
    found = []
    for kind, sentences in SENTENCES.items():
        for language, sentence in enumerate(sentences.split("|")):
            for form, value in enumerate(VALUES[kind]):
                secret = value.format(n=101 + 3 * language + form)
                found.append((sentence.format(secret), secret))
    assert len(found) >= 200
    return found


def conversation(number: int, reservation_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "reservationId": reservation_id, "listingMapId": 1, "recipientName": "Ann Gast", **fields}


def message(number: int, conversation_id: int, body: str, *, incoming: bool = True, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "conversationId": conversation_id,
        "body": body,
        "isIncoming": int(incoming),
        "status": "sent",
        "date": f"2026-05-01 10:{number % 60:02}:{number // 60 % 60:02}",
        **fields,
    }


def texts(folder: Path) -> str:
    return "".join(file.read_text() for file in sorted(folder.iterdir()))


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    files = sorted(folder.glob(f"{kind}.*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture
def landed(harness: LandingHarness) -> LandingHarness:
    harness.land("listings", listing(1, wifiUsername="Herring", wifiPassword="plain words", street="Herring Gasse"))
    harness.land(
        "reservations",
        *(
            reservation(number, guestName=f"Ann{'abcdefg'[number]} Gastova", guestEmail=f"ann{number}@own.example")
            for number in range(1, 5)
        ),
    )
    harness.land("conversations", *(conversation(number, number) for number in range(1, 5)))
    bodies = [text for text, _ in planted()]
    messages = [message(n, 1, body, incoming=n % 2 == 0) for n, body in enumerate(bodies, start=100)]
    messages += [
        message(1, 2, "Where is the hair dryer? We are Annb and Annc from the Herring house, plain words."),
        message(2, 2, "It is in the bath room.", incoming=False),
        message(3, 3, "A draft never sent", incoming=False, status="failed"),
        message(4, 3, "Only a question"),
        message(5, 4, "Erased question?"),
        message(6, 4, "Erased answer", incoming=False),
    ]
    harness.land("messages", *messages)
    harness.transform()
    harness.connection.execute("insert into ops.erasures (account_id, kind, entity_id) values (1, 'conversation', '4')")
    return harness


def test_an_export_has_no_secret_is_repeatable_and_leaves_erased_guests_out(
    landed: LandingHarness, tmp_path: Path
) -> None:
    manifest = export_training_data(landed.connection, tmp_path / "a")
    written = texts(tmp_path / "a").casefold()
    # Nor any longer word of one
    leaked = [word for _, secret in planted() for word in re.findall(r"\w{5,}", secret.casefold()) if word in written]
    assert leaked == []
    leaked = [secret for _, secret in planted() if secret.casefold() in written]
    assert leaked == []
    for text in ("annb", "annc", "gastova", "herring", "plain words", "erased answer", "erased question"):
        assert text not in written
    assert "draft" not in written
    assert "only a question" not in written
    assert manifest["redacted"]
    assert sum(manifest["redaction"].values()) >= 200
    assert manifest["left_out"] == {
        "deleted": 0,
        "erased": 1,
        "transcripts_of_mirrored_conversations": 0,
        "without_guest_or_host": 1,
    }
    (pair,) = [pair for pair in lines(tmp_path / "a", "pairs") if "hair dryer" in pair["question"]]
    assert pair["question"].startswith("Where is the hair dryer?")
    assert pair["answer"] == "It is in the bath room."
    assert len(lines(tmp_path / "a", "conversations")) == 2

    export_training_data(landed.connection, tmp_path / "b")
    for name, file in manifest["files"].items():
        first, second = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert first == second
        assert file["sha256"] == hashlib.sha256(first).hexdigest()
        assert file["rows"] == first.count(b"\n")

    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("mine")
    with pytest.raises(InvalidValue, match="new or empty"):
        export_training_data(landed.connection, tmp_path / "c")
    assert [file.name for file in (tmp_path / "c").iterdir()] == ["mine.txt"]

    result = CliRunner().invoke(cli.app, ["export", "training-data", str(tmp_path / "d"), "--no-redact"])
    assert result.exit_code == 0, result.output
    assert "sunquay" in texts(tmp_path / "d")
    assert "Erased question" not in texts(tmp_path / "d")
    assert "because of --no-redact" in result.stderr


def test_most_guests_are_for_training_and_a_guest_stays_in_its_split() -> None:
    splits = [split_of(f"guest 1 {number}") for number in range(2_000)]
    assert 1_500 < splits.count("train") < 1_700
    assert 130 < splits.count("test") < 270
    assert splits == [split_of(f"guest 1 {number}") for number in range(2_000)]


def test_an_automatic_reply_answers_no_question() -> None:
    def said(author: str, content: str) -> Message:
        return Message("user" if author == "guest" else "assistant", author, content)

    dialogue = [
        said("staff", "Welcome"),
        said("guest", "Parking?"),
        said("automation", "We reply soon"),
        said("guest", "And a crib?"),
        said("staff", "Both"),
        said("host", "are there"),
        said("guest", "Thanks"),
    ]
    assert list(pairs_of(dialogue)) == [("Parking?\nAnd a crib?", "Both\nare there")]
