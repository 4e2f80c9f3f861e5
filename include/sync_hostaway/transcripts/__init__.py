"""Import of conversations that another system kept as text files."""

from __future__ import annotations
