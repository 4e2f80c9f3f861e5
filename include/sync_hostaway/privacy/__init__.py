"""Erasing guests and removing accounts."""

from __future__ import annotations
