"""What to read from Hostaway per resource and mode, and the proof that it was complete."""

from __future__ import annotations
