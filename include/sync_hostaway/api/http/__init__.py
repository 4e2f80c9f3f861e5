"""What all routes share: guards, problems, limits, headers."""

from __future__ import annotations
