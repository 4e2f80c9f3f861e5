"""Checks the mirror's assumptions about an account and about the installation."""

from __future__ import annotations
