"""Exceptions of the gateway; each is a decision."""

import psycopg
import psycopg_pool


class GatewayError(Exception):
    """Root of all of them."""


class ConfigError(GatewayError):
    """The configuration is wrong: the gateway refuses to start. The message names key, value and what was expected."""


class MigrationError(GatewayError):
    """The database's schema and this program don't belong together; nothing was changed. The message names the mend."""


class BackupError(GatewayError):
    """A backup or restore did not happen; the database and older files are as they were. The message names the mend."""


class StartError(GatewayError):
    """The gateway could not start for a reason outside it. The message names the mend."""


class DatabaseAwayError(StartError):
    """The database can't be used now, and may be a moment later without anyone's doing: try the same again."""


class SiteFileError(GatewayError):
    """A site file is wrong: nothing of it was written. The message names the item and the key."""


class ChannelError(GatewayError):
    """A paging channel did not take a page: try again later."""


def is_environment_fault(error: BaseException) -> bool:
    """True if `error` says something of the database's present condition and nothing of the data: try the same again.

    Everything else that comes out of storing a row is the row's (or our) fault, and trying again would stop the
    stream for ever: such a row becomes a dead letter. OperationalError covers lost connections, shutdown, disk full,
    out of memory, deadlock and serialisation failure (PostgreSQL error classes 08, 40, 53, 57, 58).
    """
    return isinstance(
        error,
        psycopg.OperationalError
        | psycopg.InterfaceError
        | psycopg.errors.InsufficientPrivilege
        | psycopg.errors.ReadOnlySqlTransaction
        | psycopg.errors.UndefinedTable
        | psycopg_pool.PoolTimeout
        | psycopg_pool.PoolClosed,
    )
