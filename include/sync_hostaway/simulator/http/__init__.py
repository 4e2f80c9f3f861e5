"""The simulated API over HTTP, with its faults."""

from __future__ import annotations
