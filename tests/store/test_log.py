"""The log: verdicts, dense positions, each group once, seals that anybody can recompute."""

import asyncio
import hashlib
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from haocha.store import db, log
from haocha.store.log import Batcher, Group, Identity, NewEvent, QueueFull, Tail, Text, Unavailable
from tests.seals import recomputed

STATE = msgspec.json.encode({"note": "问候 \u00e9", "n": 1.50, "list": [1, None, True], "b": 1, "aa": 2})
KILL_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()
"""
SETTINGS = [
    {},
    {"TimeZone": "Asia/Shanghai", "DateStyle": "German, DMY"},
    {"TimeZone": "America/St_Johns", "IntervalStyle": "iso_8601", "extra_float_digits": "-15"},
    {"TimeZone": "Pacific/Kiritimati", "DateStyle": "SQL, MDY", "bytea_output": "escape", "search_path": "pg_temp"},
    {"lc_numeric": "C", "lc_monetary": "C", "quote_all_identifiers": "on", "standard_conforming_strings": "off"},
]


def group(originator_id, *versions, identities=(), texts=()):
    """Return a group of events of one stream."""
    events = tuple(NewEvent(originator_id, version, "test.happened:v1", STATE) for version in versions)
    return Group(events, tuple(identities), tuple(texts))


async def verdicts(connection, *groups):
    """Append in one call and return the verdicts alone."""
    return [verdict.verdict for verdict in await log.append(connection, groups)]


async def assert_whole(connection):
    """Positions are dense, and count, last position and last commit agree."""
    count, least, most = await connection.fetchrow("SELECT count(*), min(position), max(position) FROM log.events")
    assert (least, most) == (1, count)
    assert await log.head(connection) == count


async def test_new_stream_is_ok(pool):
    """The verdict holds the last position of the group and the time of the commit."""
    [first, second] = await log.append(pool, [group(uuid4(), 1), group(uuid4(), 1, 2, 3)])
    assert (first.verdict, first.position, second.verdict, second.position) == ("ok", 1, "ok", 4)
    assert first.recorded_at == second.recorded_at
    await assert_whole(pool)


async def test_version_that_is_there_exists(pool):
    """A repeat is told from a lost race by its version."""
    stream = uuid4()
    assert await verdicts(pool, group(stream, 1, 2)) == ["ok"]
    assert await verdicts(pool, group(stream, 1)) == ["exists"]
    assert await verdicts(pool, group(stream, 2)) == ["exists"]
    assert await verdicts(pool, group(stream, 2, 3)) == ["exists"]
    assert await log.head(pool) == 2


async def test_gap_is_stale(pool):
    """Not the stream's next version: reload and decide again."""
    stream = uuid4()
    assert await verdicts(pool, group(stream, 2)) == ["stale"]
    assert await verdicts(pool, group(stream, 1, 3)) == ["stale"]
    assert await verdicts(pool, group(stream, 1)) == ["ok"]
    assert await verdicts(pool, group(stream, 3)) == ["stale"]
    assert await verdicts(pool, group(stream, 2)) == ["ok"]


async def test_second_group_of_a_stream_in_one_call_is_doubled(pool):
    """It is asked again in the next batch, where it exists."""
    stream = uuid4()
    assert await verdicts(pool, group(stream, 1), group(stream, 1), group(uuid4(), 1), group(stream, 2)) == [
        "ok", "doubled", "ok", "doubled",
    ]  # fmt: skip
    assert await verdicts(pool, group(stream, 1)) == ["exists"]


async def test_group_of_two_streams_is_taken_whole_or_not_at_all(pool):
    """One stream that refuses keeps the other out."""
    there, other = uuid4(), uuid4()
    await log.append(pool, [group(there, 1)])
    both = Group((*group(other, 1).events, *group(there, 1).events))
    assert await verdicts(pool, both, group(uuid4(), 1)) == ["exists", "ok"]
    assert await log.read_stream(pool, other) == []
    await assert_whole(pool)


async def test_personal_data_of_refused_groups_are_not_kept(pool):
    """Identities and texts come in with their events, in the same transaction, or not at all."""
    stream, subject = uuid4(), uuid4()

    def written(body):
        return {"identities": [Identity(subject, body.encode(), 1, b"p")], "texts": [Text(uuid4(), subject, body)]}

    assert await verdicts(pool, group(stream, 1, **written("first"))) == ["ok"]
    assert await verdicts(pool, group(stream, 1, **written("second")), group(stream, 3, **written("third"))) == [
        "exists", "doubled",
    ]  # fmt: skip
    assert await pool.fetchval("SELECT array_agg(sealed) FROM private.vault") == [b"first"]
    assert await pool.fetchval("SELECT array_agg(body) FROM private.texts") == ["first"]


async def test_rolled_back_append_leaves_nothing(pool):
    """A handler that rolls back has appended nothing; the next append has the same position."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        assert (await log.append(connection, [group(uuid4(), 1)]))[0].position == 1
        await transaction.rollback()
    assert await log.head(pool) == 0
    assert (await log.append(pool, [group(uuid4(), 1)]))[0].position == 1
    assert all(stored == again for stored, again in await recomputed(pool))


async def test_empty_append_commits_nothing(pool):
    """No groups, no commit, no seal; refused groups neither."""
    assert await log.append(pool, []) == []
    assert await verdicts(pool, group(uuid4(), 2)) == ["stale"]
    assert await pool.fetchval("SELECT count(*) FROM log.commits") == 1


@pytest.mark.parametrize("settings", SETTINGS)
async def test_seals_can_be_recomputed_under_any_session_settings(pool, dsn, settings):
    """Sealed under one setting, checked under another, and recomputed in Python: always the same bytes."""
    sealing = await asyncpg.connect(dsn, server_settings=settings)
    try:
        await db.prepare(sealing)
        for count in (1, 3):
            await log.append(sealing, [group(uuid4(), 1, 2) for _ in range(count)])
    finally:
        await sealing.close()
    await log.append(pool, [group(uuid4(), 1)])
    seals = await recomputed(pool)
    assert len(seals) == 3
    assert all(stored == again for stored, again in seals)
    for checking in SETTINGS:
        connection = await asyncpg.connect(dsn, server_settings=checking)
        try:
            leaves = await connection.fetchval(
                "SELECT string_agg(sha256(log.sealed_bytes(position, originator_id, originator_version, topic,"
                " recorded_at, state)), ''::bytea ORDER BY position) FROM log.events WHERE position <= 2"
            )
        finally:
            await connection.close()
        assert hashlib.sha256(leaves).digest() == seals[0][0]


async def test_time_never_goes_back(pool, superuser_dsn):
    """`recorded_at` orders the log, also where the clock of the machine was set back."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        ahead = datetime.now(UTC) + timedelta(hours=1)
        await connection.execute("UPDATE log.commits SET recorded_at = $1", ahead)
    finally:
        await connection.close()
    [verdict] = await log.append(pool, [group(uuid4(), 1)])
    assert verdict.recorded_at == ahead


async def test_every_group_once_and_positions_dense_under_competition(dsn):
    """Four batchers on four pools append overlapping streams at once: each stream version once, no gap, seals hold."""
    streams = [UUID(int=number) for number in range(1, 121)]
    pools = [await db.open_pool(dsn, size=2) for _ in range(4)]
    chance = random.Random(7)

    async def client(pool):
        taken = []
        order = streams * 2
        chance.shuffle(order)
        async with Batcher(pool, 10_000) as batcher:
            answers = await asyncio.gather(*(batcher.append(group(stream, 1)) for stream in order))
            taken += [stream for stream, answer in zip(order, answers, strict=True) if answer.verdict == "ok"]
            assert {answer.verdict for answer in answers} <= {"ok", "exists"}
        return taken

    try:
        taken = await asyncio.gather(*map(client, pools))
        assert sorted(stream for each in taken for stream in each) == streams
        await assert_whole(pools[0])
        assert all(stored == again for stored, again in await recomputed(pools[0]))
    finally:
        for pool in pools:
            await pool.close()


async def test_batcher_gathers_while_a_commit_is_in_flight(pool):
    """Far fewer commits than groups, and an answer only when the event is there."""
    async with Batcher(pool, 10_000) as batcher:
        answers = await asyncio.gather(*(batcher.append(group(uuid4(), 1)) for _ in range(500)))
    assert sorted(answer.position for answer in answers) == list(range(1, 501))
    assert await pool.fetchval("SELECT count(*) FROM log.commits") < 100


async def test_full_queue_refuses(pool):
    """No more groups than the limit wait; what waits is committed."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT pg_advisory_xact_lock(7120)")
        async with Batcher(pool, 5) as batcher:
            first = asyncio.ensure_future(batcher.append(group(uuid4(), 1)))
            await asyncio.sleep(0.05)  # in flight, waiting for the lock
            waiting = [asyncio.ensure_future(batcher.append(group(uuid4(), 1))) for _ in range(5)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFull):
                await batcher.append(group(uuid4(), 1))
            assert batcher.depth == 5
            await transaction.rollback()
            assert [answer.verdict for answer in await asyncio.gather(first, *waiting)] == ["ok"] * 6
    assert await log.head(pool) == 6


async def test_closing_commits_what_waits(pool):
    """A graceful end drains the queue, and takes nothing more."""
    async with Batcher(pool, 100) as batcher:
        waiting = [batcher.submit(group(uuid4(), 1)) for _ in range(20)]
    assert all(done.result().verdict == "ok" for done in waiting)
    with pytest.raises(QueueFull):
        batcher.submit(group(uuid4(), 1))


async def test_client_that_went_away_stops_nothing(pool):
    """A cancelled request's group is committed all the same, and those behind it."""
    async with Batcher(pool, 100) as batcher:
        gone = asyncio.ensure_future(batcher.append(group(uuid4(), 1)))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await batcher.append(group(uuid4(), 1))).verdict == "ok"


async def test_lost_connection_is_unavailable_and_then_over(pool, superuser_dsn, database):
    """Every backend is killed: what waits hears `Unavailable`, what comes after is taken."""
    killer = await asyncpg.connect(superuser_dsn)
    try:
        async with Batcher(pool, 1000) as batcher:
            assert (await batcher.append(group(uuid4(), 1))).verdict == "ok"
            outcomes = set()
            for _ in range(30):
                if not outcomes & {"Unavailable"}:
                    await killer.execute(KILL_ALL, database)
                try:
                    outcomes.add((await batcher.append(group(uuid4(), 1))).verdict)
                except Unavailable:
                    outcomes.add("Unavailable")
            assert (await batcher.append(group(uuid4(), 1))).verdict == "ok"
        assert "Unavailable" in outcomes
    finally:
        await killer.close()
    await assert_whole(pool)


async def test_tail_wakes_when_the_log_grows(pool):
    """Waiters hear of an append at once, and get the head after their patience in any case."""
    tail = Tail(pool)
    async with tail.running():
        assert await tail.wait(0, timeout=0.05) == 0
        waiting = asyncio.ensure_future(tail.wait(0, timeout=5))
        await asyncio.sleep(0.05)
        started = asyncio.get_running_loop().time()
        await log.append(pool, [group(uuid4(), 1, 2)])
        assert await waiting == 2
        assert asyncio.get_running_loop().time() - started < 0.5


async def test_tail_survives_a_lost_connection_and_ends(pool, superuser_dsn, database):
    """It listens again on another connection, and leaving it does not hang."""
    tail = Tail(pool)
    killer = await asyncpg.connect(superuser_dsn)
    try:
        async with asyncio.timeout(10), tail.running():
            await asyncio.sleep(0.1)
            for _ in range(2):
                await killer.execute(KILL_ALL, database)
                await log.append(killer_pool := await db.connect(superuser_dsn), [group(uuid4(), 1)])
                await killer_pool.close()
                assert await tail.wait(tail.head, timeout=5) > 0
            await killer.execute(KILL_ALL, database)
    finally:
        await killer.close()


async def test_text_that_is_no_json_is_refused_by_the_database(pool):
    """The log holds JSON and nothing else."""
    for state in (b'{"x": "\\u0000"}', b"{", b'"\\ud800"', b'{"n": 1e999999}'):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await log.append(pool, [Group((NewEvent(uuid4(), 1, "test.happened:v1", state),))])
        assert refused.value.sqlstate.startswith(log.DATA_ERROR_CLASSES)
    assert await log.head(pool) == 0
