"""Lets the packages `sync_hostaway.sync` and `sync_hostaway.transform` be called like the functions of the Python API.

`from sync_hostaway import sync` gives the package of that name: an imported subpackage replaces the attribute of the
same name of its parent. So the package itself can be called.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function of the same name in `sync_hostaway.python_api`."""
        function = getattr(import_module("sync_hostaway.python_api"), self.__name__.rpartition(".")[2])
        return function(*arguments, **named)


def make_callable(package: str) -> None:
    """Let an imported package be called."""
    sys.modules[package].__class__ = _CallablePackage
