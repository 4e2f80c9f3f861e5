"""Short texts in Airflow's database, for facts that must be stored while the warehouse cannot be reached."""

from __future__ import annotations


def recall(name: str) -> str | None:
    """The text that is stored under a name, or None. For tasks."""
    from airflow.sdk import Variable

    found: str | None = Variable.get(name, default=None)
    return found


def note(name: str, text: str | None) -> None:
    """Store a text under a name; None removes it. For tasks."""
    from airflow.sdk import Variable

    if text is None:
        Variable.delete(name)
    else:
        Variable.set(name, text, description="Written by the Dag hostaway_alerts")
