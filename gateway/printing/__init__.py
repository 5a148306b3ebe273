"""Printing labels: ZPL to the printers of the site."""
