"""The control interface: truth, changes, faults."""

from __future__ import annotations
