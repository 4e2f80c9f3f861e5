"""Serves the API for `benchmarks.api`, as one worker of Airflow's API server does, in a process of its own."""

from __future__ import annotations

import sys

import structlog
import uvicorn

from sync_hostaway.airflow.run_trigger import InProcessTrigger
from sync_hostaway.api.app import create_app

if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    uvicorn.run(
        create_app(InProcessTrigger()), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False
    )
