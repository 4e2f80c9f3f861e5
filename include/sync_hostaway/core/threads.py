"""Threads whose log lines have the account, resource and run of the code that started them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class ContextThreads(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` that runs each call in a copy of the caller's context.

    Without it, a thread begins with an empty context, and its log lines have none of the fields bound by the caller.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule a call; `map` uses this method, too."""
        return super().submit(copy_context().run, fn, *args, **kwargs)
