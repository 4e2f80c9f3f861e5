"""From a webhook's body to landed rows: what an event is about is read again by its id, landed and transformed.

An event is a hint and nothing else. Nothing of its body becomes a row, so that duplicates, disorder and forgeries cost
a call and change nothing.
"""

from __future__ import annotations
