"""A few words that are kept in Airflow's database, for what must be remembered while ours cannot be reached."""

from __future__ import annotations


def recall(name: str) -> str | None:
    """What was noted under a name; None: nothing. For tasks."""
    from airflow.sdk import Variable

    found: str | None = Variable.get(name, default=None)
    return found


def note(name: str, text: str | None) -> None:
    """Note a text under a name; None removes it. For tasks."""
    from airflow.sdk import Variable

    if text is None:
        Variable.delete(name)
    else:
        Variable.set(name, text, description="Kept by the Dag hostaway_alerts")
