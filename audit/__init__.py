"""Looks for known vulnerabilities of the pinned dependencies: `make audit`."""
