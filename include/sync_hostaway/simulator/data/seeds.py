"""Deterministic randomness: one independent stream per object, derived from the seed alone."""

from __future__ import annotations

from random import Random

_MASK = (1 << 64) - 1


def mix(*parts: int) -> int:
    """Hash integers to 64 bits; equal parts give equal results in every process and on every platform."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = ((state ^ (part & _MASK)) * 0xBF58476D1CE4E5B9) & _MASK
        state ^= state >> 29
        state = (state * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def stream(*parts: int) -> Random:
    """A random stream of its own for the object named by `parts`: building one object never shifts another."""
    return Random(mix(*parts))  # noqa: S311 - synthetic data, nothing secret
