"""The Dags of the accounts, `hostaway_sync__<account_id>`. The files `dags/hostaway_sync*.py` only name them."""
