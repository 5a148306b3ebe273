"""What can go wrong with a service that starts by itself."""


class ServiceError(Exception):
    """A service did not come up; the message says which, why, and how to mend it."""
