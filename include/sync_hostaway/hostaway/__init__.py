"""The Hostaway API client: endpoints, authentication, replies, paging."""

from __future__ import annotations
