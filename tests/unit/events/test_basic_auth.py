"""Reading the Authorization header."""

from __future__ import annotations

import base64

from hypothesis import example, given
from hypothesis import strategies as st

from sync_hostaway.events.basic_auth import basic_credentials


@given(login=st.binary(max_size=60).filter(lambda login: b":" not in login), password=st.binary(max_size=200))
@example(login="gäst".encode(), password="pä:ß✓".encode())
def test_credentials_may_hold_any_bytes(login: bytes, password: bytes) -> None:
    encoded = base64.b64encode(login + b":" + password).decode()
    for scheme in ("Basic", "basic", "BASIC"):
        assert basic_credentials(f"{scheme} {encoded}") == (login, password)


@given(st.none() | st.text() | st.text().map(lambda text: f"Basic {text}"))
@example("Basic YWJj")
@example("Basic " + "A" * 100_000)
def test_no_header_breaks_the_reader(header: str | None) -> None:
    credentials = basic_credentials(header)
    assert credentials is None or len(credentials) == 2
