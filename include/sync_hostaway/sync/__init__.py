"""What to read from Hostaway, per resource and mode, and whether it was all there."""

from __future__ import annotations

from sync_hostaway.callable_package import make_callable

make_callable(__name__)
