"""Counting refused credentials: windows, places, and memory that does not grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_hostaway.accounts import auth_failures
from sync_hostaway.accounts.auth_failures import AuthFailureLimiter, network_of
from sync_hostaway.hostaway.rate_limiter import RateLimit

TEXTS = st.text(max_size=20)


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    refusals = AuthFailureLimiter(RateLimit(2, 60))
    assert [refusals.record_failure(("a", "701")) for _ in range(4)] == [0, 0, 60, 60]
    now += 59.5
    assert refusals.record_failure(("a", "701")) == 1
    now += 0.5
    assert [refusals.record_failure(("a", "701")) for _ in range(3)] == [0, 0, 60]


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_places_are_counted_apart(address: str, path: str, other_address: str, other_path: str) -> None:
    refusals = AuthFailureLimiter(RateLimit(1, 60))
    refusals.record_failure((address, path))
    other = (other_address, other_path)
    assert bool(refusals.record_failure(other)) == (other == (address, path))


def test_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth_failures, "_MAX_ORIGINS", 8)
    monkeypatch.setattr(auth_failures, "_MAX_KNOWN", 8)
    refusals = AuthFailureLimiter(RateLimit(1, 60))
    for number in range(100):
        refusals.record_failure((str(number), "701"))
        refusals.record_success(("a", "701"), str(number))
    assert (len(refusals._failures), len(refusals._known_good)) == (8, 8)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
