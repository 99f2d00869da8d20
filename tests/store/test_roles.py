"""As the application's role: the log cannot be altered, nor anything be put in past `append`."""

from uuid import uuid4

import asyncpg
import pytest

from haocha.store import log
from haocha.store.log import Group, Identity, NewEvent, Text

SEALED = "pos bigint, oid uuid, ver int, topic text, at timestamptz, state jsonb"
FORBIDDEN = [
    "INSERT INTO log.events VALUES (2, gen_random_uuid(), 1, 'x', '{}', now())",
    "UPDATE log.events SET state = '{}'",
    "UPDATE log.events SET position = position + 1 WHERE false",
    "DELETE FROM log.events",
    "TRUNCATE log.events",
    "COPY log.events FROM STDIN",
    "MERGE INTO log.events e USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "ALTER TABLE log.events ADD COLUMN x int",
    "ALTER TABLE log.events DISABLE TRIGGER ALL",
    "ALTER TABLE log.events OWNER TO haocha_app",
    "ALTER TABLE log.events DROP CONSTRAINT events_stream",
    "DROP TABLE log.events CASCADE",
    "CREATE TRIGGER t BEFORE INSERT ON log.events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE r AS ON INSERT TO log.events DO INSTEAD NOTHING",
    "CREATE INDEX ON log.events (topic)",
    "LOCK TABLE log.events IN ACCESS EXCLUSIVE MODE",
    "SELECT * FROM log.events FOR UPDATE",
    "INSERT INTO log.commits VALUES (99, now(), 'x')",
    "UPDATE log.commits SET seal = 'x'",
    "DELETE FROM log.commits",
    "TRUNCATE log.commits",
    "ALTER TABLE log.commits ALTER COLUMN seal DROP NOT NULL",
    "DROP TABLE log.commits",
    "CREATE TRIGGER t BEFORE INSERT ON log.commits FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "INSERT INTO log.install DEFAULT VALUES",
    "UPDATE log.install SET namespace = gen_random_uuid()",
    "DELETE FROM log.install",
    "TRUNCATE log.install",
    "INSERT INTO private.vault VALUES (gen_random_uuid(), 'x', 1, NULL)",
    "UPDATE private.vault SET sealed = 'x'",
    "TRUNCATE private.vault",
    "ALTER TABLE private.vault ADD COLUMN x int",
    "INSERT INTO private.texts VALUES (gen_random_uuid(), gen_random_uuid(), 'x')",
    "UPDATE private.texts SET body = 'x'",
    "TRUNCATE private.texts",
    "DROP TABLE private.texts",
    f"CREATE OR REPLACE FUNCTION log.sealed_bytes({SEALED}) RETURNS bytea LANGUAGE sql RETURN ''::bytea",
    "DROP FUNCTION log.append",
    "ALTER FUNCTION log.append SECURITY INVOKER",
    "ALTER FUNCTION log.append SET search_path = live",
    "CREATE OR REPLACE VIEW log.current_events AS SELECT 1",
    "DROP VIEW log.current_events",
    "INSERT INTO log.current_events VALUES (2, gen_random_uuid(), 1, 'x', '{}', now())",
    "UPDATE log.current_events SET topic = 'x'",
    "DELETE FROM log.current_events",
    "CREATE TABLE log.mine (x int)",
    "CREATE FUNCTION log.f() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE TABLE private.mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "DELETE FROM access.keys",
    "TRUNCATE access.keys",
    "DROP SCHEMA log CASCADE",
    "DROP SCHEMA live CASCADE",
    "ALTER SCHEMA log RENAME TO old",
    "SET ROLE haocha_owner",
    "SET SESSION AUTHORIZATION haocha_owner",
    "SET session_replication_role = replica",
    "ALTER ROLE haocha_app SUPERUSER",
    "GRANT haocha_owner TO haocha_app",
    "CREATE EXTENSION adminpack",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "ALTER SYSTEM SET fsync = off",
    "DROP EVENT TRIGGER x",
    "CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION pg_catalog.event_trigger_in()",
]


@pytest.fixture
async def app(dsn):
    """Connect as haocha_app, without the pool's codec, to a log with one event and its personal data."""
    connection = await asyncpg.connect(dsn)
    subject = uuid4()
    await connection.fetch(
        "SELECT * FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        [uuid4()], [1], ["test.happened:v1"], ["{}"], [0],
        [0], [subject], [b"sealed"], [1], [None],
        [0], [uuid4()], [subject], ["text"],
    )  # fmt: skip
    yield connection
    await connection.close()


async def state_of(dsn):
    """Return everything that must not have changed."""
    connection = await asyncpg.connect(dsn)
    try:
        return [
            await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608 (names from below)
            for table in ("log.events", "log.commits", "log.install", "private.vault", "private.texts")
        ]
    finally:
        await connection.close()


async def test_each_way_in_is_shut(app, superuser_dsn):
    """Every statement is refused, and the log is byte for byte what it was."""
    before = await state_of(superuser_dsn)
    let_through = []
    for statement in FORBIDDEN:
        transaction = app.transaction()
        await transaction.start()
        try:
            await app.execute(statement)
            let_through.append(statement)
        except asyncpg.PostgresError as refused:
            if refused.sqlstate in {"42601", "3F000"}:  # a slip in this test proves nothing
                let_through.append(f"{statement}: {refused}")
        await transaction.rollback()
    assert let_through == []
    assert before == await state_of(superuser_dsn)


async def test_no_right_can_be_granted_to_oneself(app):
    """PostgreSQL only warns about a GRANT without effect; there must be none."""
    await app.execute("GRANT INSERT, UPDATE, DELETE ON log.events TO haocha_app")
    for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
        assert not await app.fetchval("SELECT has_table_privilege('log.events', $1)", right)


async def test_search_path_and_temporary_tables_do_not_redirect_append(app, superuser_dsn):
    """Tables and functions of the caller's own, in front of everything, are not what `append` writes to."""
    await app.execute(
        "CREATE TEMP TABLE events (LIKE log.events);"
        "CREATE TEMP TABLE commits (upto bigint, recorded_at timestamptz, seal bytea);"
        "INSERT INTO commits VALUES (1000, now(), 'x');"
        "CREATE FUNCTION live.sealed_bytes(bigint, uuid, int, text, timestamptz, jsonb)"
        " RETURNS bytea LANGUAGE sql RETURN 'mine'::bytea;"
        "CREATE FUNCTION live.sha256(bytea) RETURNS bytea LANGUAGE sql RETURN 'mine'::bytea;"
        "CREATE FUNCTION live.clock_timestamp() RETURNS timestamptz LANGUAGE sql RETURN 'epoch'::timestamptz;"
        "CREATE TABLE live.events (LIKE log.events);"
        "SET search_path = pg_temp, live, log, pg_catalog"
    )
    rows = await app.fetch(
        "SELECT * FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        [uuid4()], [1], ["test.happened:v1"], ["{}"], [0], [], [], [], [], [], [], [], [], [],
    )  # fmt: skip
    assert [(row["verdict"], row["last_position"]) for row in rows] == [("ok", 2)]
    assert await app.fetchval("SELECT count(*) FROM pg_temp.events") == 0
    assert await app.fetchval("SELECT count(*) FROM live.events") == 0
    connection = await asyncpg.connect(superuser_dsn)
    try:
        seal = await connection.fetchval(
            "SELECT sha256((SELECT seal FROM log.commits WHERE upto = 1) || (SELECT sha256(log.sealed_bytes(position,"
            " originator_id, originator_version, topic, recorded_at, state)) FROM log.events WHERE position = 2))"
        )
        assert seal == await connection.fetchval("SELECT seal FROM log.commits WHERE upto = 2")
    finally:
        await connection.close()


async def test_append_takes_personal_data_with_events_only(app):
    """A call without events stores no identity and no text; a refused group's neither."""
    await app.fetch(
        "SELECT * FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        [], [], [], [], [], [0], [uuid4()], [b"x"], [1], [None], [0], [uuid4()], [uuid4()], ["x"],
    )  # fmt: skip
    assert await app.fetchval("SELECT count(*) FROM private.vault") == 1
    assert await app.fetchval("SELECT count(*) FROM private.texts") == 1


async def test_personal_data_can_be_erased(app):
    """What the application must be able to do with the vault: read and delete."""
    assert await app.execute("DELETE FROM private.vault") == "DELETE 1"
    assert await app.execute("DELETE FROM private.texts") == "DELETE 1"


async def test_functions_that_run_as_the_owner_pin_their_search_path(superuser_dsn):
    """Every SECURITY DEFINER function, now and later: a pinned path with pg_temp last, and nothing for PUBLIC."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        rows = await connection.fetch(
            "SELECT p.oid::regprocedure::text AS name, p.proconfig, p.proacl::text FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef AND n.nspname NOT LIKE 'pg\\_%'"
        )
    finally:
        await connection.close()
    assert rows
    for row in rows:
        path = next(setting for setting in row["proconfig"] if setting.startswith("search_path="))
        assert path.startswith("search_path=pg_catalog, ")
        assert path.endswith("pg_temp")
        assert "=X/" not in row["proacl"].replace("haocha_owner=X/", "").replace("haocha_app=X/", "")


async def test_a_stranger_has_nothing(superuser_dsn):
    """A role without grants cannot even look."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await connection.execute("CREATE ROLE stranger")
        await connection.execute("SET ROLE stranger")
        for table in ("log.events", "private.vault", "private.texts", "access.keys", "engine.checkpoints"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 (names from above)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(
                "SELECT log.append('{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}')"
            )
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute("DROP ROLE stranger")
        await connection.close()


async def test_what_append_wrote_is_there(pool):
    """The same call through the store."""
    subject = uuid4()
    made = Group(
        (NewEvent(uuid4(), 1, "x:v1", b"{}"),), (Identity(subject, b"s", 1, None),), (Text(uuid4(), subject, "t"),)
    )
    assert (await log.append(pool, [made]))[0].verdict == "ok"
    assert await pool.fetchval("SELECT count(*) FROM private.texts") == 1
