"""Alerts on change of state: one message when a condition begins to hold, one when it ends."""
