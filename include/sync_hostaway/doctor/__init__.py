"""Examines an account and the installation: does what the mirror assumes hold here?"""

from __future__ import annotations
