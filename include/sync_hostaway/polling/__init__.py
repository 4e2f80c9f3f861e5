"""Polling, for installations without a public address: changes at the heads of lists become events of the inbox."""

from __future__ import annotations
