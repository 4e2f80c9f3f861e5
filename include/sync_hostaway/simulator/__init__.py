"""A simulated Hostaway API: real HTTP, synthetic data from a seed, and control over everything that can go wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sync_hostaway.simulator.config import Limit, SimulatorConfig, Sizes
    from sync_hostaway.simulator.control.client import ControlError, SimulatorControl
    from sync_hostaway.simulator.server import RunningSimulator, running, serve

__all__ = [
    "ControlError",
    "Limit",
    "RunningSimulator",
    "SimulatorConfig",
    "SimulatorControl",
    "Sizes",
    "running",
    "serve",
]

_HOMES = {"SimulatorConfig": "config", "Sizes": "config", "Limit": "config"}
_HOMES |= {"ControlError": "control.client", "SimulatorControl": "control.client"}


def __getattr__(name: str) -> Any:
    """Load names when they are used: the command line imports this package without needing a server."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'server')}"), name)
