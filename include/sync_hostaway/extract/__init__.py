"""What to read from Hostaway, per resource and mode, and whether it was all there."""

from __future__ import annotations
