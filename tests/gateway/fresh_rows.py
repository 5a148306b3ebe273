"""A migrated database for many tests: before each, the rows that the migrations gave it and no others."""

import psycopg

_KEEP = """
CREATE SCHEMA seed;
CREATE SCHEMA seeding;
CREATE TABLE seeding.sequence AS SELECT sequencename::text AS name, last_value FROM pg_sequences
    WHERE schemaname = 'public';
DO $$
DECLARE name text; filled boolean;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition AND relname NOT IN ('schema_migration', 'server')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN EXECUTE format('CREATE TABLE seed.%I AS TABLE public.%I', name, name); END IF;
    END LOOP;
END $$;
CREATE FUNCTION seeding.restore() RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text; filled boolean; columns text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition AND relname NOT IN ('schema_migration', 'server')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM public.%I', name); END IF;
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'seed'::regnamespace AND relkind = 'r' LOOP
        SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
            WHERE attrelid = format('public.%I', name)::regclass AND attnum > 0 AND NOT attisdropped
            AND attgenerated = '';
        EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM seed.%I',
            name, columns, columns, name);
    END LOOP;
    PERFORM setval(format('public.%I', now.sequencename)::regclass, coalesce(kept.last_value, now.start_value),
            kept.last_value IS NOT NULL)
        FROM pg_sequences now JOIN seeding.sequence kept ON kept.name = now.sequencename
        WHERE now.schemaname = 'public' AND now.last_value IS DISTINCT FROM kept.last_value;
END $$;
"""


def keep_seed(dsn: str) -> None:
    """Remember what the migrations wrote; once, right after them."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_KEEP.encode())


def fresh_rows(connection: psycopg.Connection) -> None:
    """All tables as after the migrations, numbers counted from their beginning again; after `keep_seed`."""
    connection.execute("SET session_replication_role = replica")  # no order among foreign keys, no append-only rules
    connection.execute("SELECT seeding.restore()")
    connection.execute("SET session_replication_role = origin")
