"""Printable documents (PDF) and exports (CSV) of the warehouse: rendered from frozen data, no database in here."""
