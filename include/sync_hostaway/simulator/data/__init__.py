"""The data that the simulator makes from a seed."""

from __future__ import annotations
