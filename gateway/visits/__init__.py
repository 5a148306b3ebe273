"""Visits: who is here today, in which clinic's queue, who is called next, and how long people wait."""
