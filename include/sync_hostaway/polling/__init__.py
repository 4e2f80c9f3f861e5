"""Freshness without a public address: what moved at the heads of an account's lists becomes events of the inbox."""

from __future__ import annotations
