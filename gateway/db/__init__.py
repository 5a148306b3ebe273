"""PostgreSQL: connections, migrations, partitions. Hand-written SQL, no object mapper."""
