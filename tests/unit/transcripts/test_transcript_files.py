"""What the name of a transcript says, and its text in different encodings."""

from __future__ import annotations

import os
import unicodedata
from datetime import date
from pathlib import Path

import pytest

from sync_hostaway.transcripts.files import of_path, read_text
from sync_hostaway.transcripts.names import fold
from sync_hostaway.transcripts.stamps import DateOrder

ROOT = Path("/data")


@pytest.mark.parametrize(
    ("name", "guest", "day"),
    [
        ("Ann Smith_2025-05-11_conversation.txt", "Ann Smith", date(2025, 5, 11)),
        ("Ann_van_der_Smith_2025-05-11_conversation.txt", "Ann van der Smith", date(2025, 5, 11)),
        ("安藤_美咲_20250511_conversation.txt", "安藤 美咲", date(2025, 5, 11)),
        ("José_Núñez_2025_05_11_conversation.TXT", "José Núñez", date(2025, 5, 11)),
        ("محمد علي_31-05-2025_conversation.txt", "محمد علي", date(2025, 5, 31)),
        ("Ann Smith_unknown_date_conversation.txt", "Ann Smith", None),
        ("Ann Smith_conversation.txt", "Ann Smith", None),
        ("Ann Smith_2025-02-31_conversation.txt", "Ann Smith", None),
        ("_2025-05-11_conversation.txt", None, date(2025, 5, 11)),
    ],
)
def test_a_name_has_guest_and_day(name: str, guest: str | None, day: date | None) -> None:
    file = of_path(ROOT / "conversations" / "Lake House" / name, ROOT, DateOrder.AUTO)
    assert (file.listing_name, file.guest_name, file.first_day) == ("Lake House", guest, day)


def test_a_date_that_cannot_be_read_is_said() -> None:
    for name, reason in (("A_2025-02-31", "does not exist"), ("A_05-06-2025", "two months")):
        file = of_path(ROOT / "L" / f"{name}_conversation.txt", ROOT, DateOrder.AUTO)
        assert reason in (file.date_problem or "")


def test_the_place_of_the_folder_does_not_matter() -> None:
    name = "Lake/José_2025-05-11_conversation.txt"
    other = Path("/other/conversations")
    ids = {
        of_path(ROOT / unicodedata.normalize("NFC", name), ROOT, DateOrder.AUTO).transcript_id,
        of_path(other / unicodedata.normalize("NFD", name), other, DateOrder.AUTO).transcript_id,
    }
    assert len(ids) == 1
    assert of_path(ROOT / "conversations" / Path(name).name, ROOT, DateOrder.AUTO).listing_name is None


def test_names_are_compared_without_case_accents_and_punctuation() -> None:
    assert fold("Jose\u0301  NÚÑEZ") == fold("jose_nunez") == "jose nunez"
    assert fold("Lake/House #3") == fold("Lake_House _3")
    assert fold("安藤") != fold("安田")
    assert fold("🏡") != ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-32"])
def test_unicode_is_read_without_doubt(tmp_path: Path, encoding: str) -> None:
    text = "Guest: Grüße, 安藤 🏡"
    content = b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-bom" else text.encode(encoding)
    (tmp_path / "a").write_bytes(content)
    assert read_text(tmp_path / "a", None) == (text, None)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    text = "Guest: Grüße, 安藤 🏡\r\n"
    (tmp_path / "a").write_bytes(text.encode(encoding))
    assert read_text(tmp_path / "a", None) == (text, None)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(ValueError, match="no regular file"):
        read_text(tmp_path / "a", None)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Host: Café à la plage, 50 € – grüße"),
        (
            "cp1251",
            "Гость: Здравствуйте, во сколько заезд? Спасибо за ответ.\nХозяин: Добрый день, в пятнадцать часов.",
        ),
    ],
)
def test_other_encodings_are_read_and_said(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a").write_bytes(b"Guest: x\n" + text.encode(encoding))
    found, doubt = read_text(tmp_path / "a", None)
    assert found == "Guest: x\n" + text
    assert doubt is not None
    assert "line 2" in doubt
    assert "--encoding" in doubt
    assert read_text(tmp_path / "a", encoding) == (found, None)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x00\x01\x02" * 50)
    with pytest.raises(ValueError, match="no text"):
        read_text(tmp_path / "a", None)
    (tmp_path / "b").write_bytes(b"fine\n\xff\xfe\n")
    with pytest.raises(ValueError, match="line 2 is not ascii"):
        read_text(tmp_path / "b", "ascii")
