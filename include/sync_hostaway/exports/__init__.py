"""Exports to files: training data for language models, and whole tables as Parquet or CSV."""

from __future__ import annotations
