"""What is missing or misconfigured on a machine, and how to mend it."""
