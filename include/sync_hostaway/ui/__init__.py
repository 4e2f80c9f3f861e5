"""The operations page: server-rendered HTML inside Airflow's UI, for operators and viewers."""
