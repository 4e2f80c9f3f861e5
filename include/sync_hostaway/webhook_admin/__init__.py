"""Administration of webhooks at Hostaway: addresses and passwords, registration, the delivery log."""

from __future__ import annotations
