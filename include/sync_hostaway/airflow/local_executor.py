"""Airflow's LocalExecutor, which also recovers when one of its idle workers is killed.

Idle workers wait for the next task in the executor's queue, and one of them holds the queue's read lock. If it is
killed, for example by the kernel when memory is short, the lock stays locked. Airflow 3.3 starts new workers in its
place, but they wait for the lock, and no task runs until the scheduler is started again.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from airflow.executors.local_executor import LocalExecutor as AirflowLocalExecutor

log = structlog.get_logger(__name__)

# A live worker reads a waiting task within milliseconds. It needs longer on an overloaded machine.
_BLOCKED_SECONDS = 5.0


# The same name as Airflow's: its components compare the last part.
class LocalExecutor(AirflowLocalExecutor):
    """Releases the read lock of the queue when a killed worker left it locked."""

    _worker_was_killed = False
    _blocked_since: float | None = None

    def _check_workers(self) -> None:
        if any(worker.exitcode for worker in self.workers.values()):
            self._worker_was_killed = True
        if self._worker_was_killed:
            self._release_lock_of_killed_worker()
        super()._check_workers()

    def _release_lock_of_killed_worker(self) -> None:
        """Release the lock if it stayed locked for some seconds although a task waits.

        It does not help when a worker is killed while it reads a task: the rest of that task stays in the queue.
        """
        if self.activity_queue.empty():
            # A live worker may hold the lock: it waits for the next task.
            self._blocked_since = None
            return
        lock: Any = self.activity_queue._rlock
        now = time.monotonic()
        self._blocked_since = self._blocked_since or now
        is_free = lock.acquire(block=False)
        if is_free or now - self._blocked_since >= _BLOCKED_SECONDS:
            if not is_free:
                log.warning("lock_of_killed_worker_released")
            lock.release()
            self._worker_was_killed, self._blocked_since = False, None
