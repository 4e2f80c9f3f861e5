"""From the body of a webhook to landed rows: the object of an event is read again by its id, landed and transformed.

An event is only a hint: no row is made from its body. Duplicate, unordered or forged events therefore cost a call and
change no data.
"""

from __future__ import annotations
