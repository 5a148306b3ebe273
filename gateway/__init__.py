"""Ingest, database, services, alarms, API and pages of one site."""
