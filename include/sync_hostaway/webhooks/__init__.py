"""Hostaway's webhooks: the address of each account, the inbox, asking for delta runs, registration and upkeep."""
