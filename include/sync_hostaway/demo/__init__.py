"""The demo: mirrors two simulated accounts end to end, and shows the result."""

from __future__ import annotations
