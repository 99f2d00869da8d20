"""API keys: shown once, stored as a digest, remembered by each process, forgotten when revoked."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from haocha.store import keys
from haocha.store.keys import Clients

NOW = datetime(2026, 11, 20, tzinfo=UTC)


async def create(pool, **more):
    """Create a key; return its number and the key."""
    return await keys.create(pool, **{"client": "pads", "kind": "pad", "scopes": ["ratings:write"], "now": NOW} | more)


async def test_key_itself_is_stored_nowhere(pool):
    """256 random bits; the table holds SHA-256 of them and nothing else."""
    _, key = await create(pool)
    assert key.startswith("hc_")
    assert len(key) >= 3 + 43
    row = str(dict(await pool.fetchrow("SELECT * FROM access.keys")))
    assert key not in row
    assert key[3:] not in row
    assert await pool.fetchval("SELECT digest FROM access.keys") == keys.digest(key)
    assert all("digest" not in listed for listed in await keys.listed(pool))


async def test_client_of_a_key(pool):
    """Name, kind, scopes and what it is bound to."""
    number, key = await create(pool, scopes=["ratings:write", "scores:read"], hall="H1", window_no="A1", per_minute=9)
    client = await Clients(pool).of(key)
    assert client == (number, "pads", "pad", frozenset({"ratings:write", "scores:read"}), "H1", "A1", 9)
    assert await Clients(pool).numbered(number) == client


@pytest.mark.parametrize("key", ["", "x", "hc_", "hc_\x00", "hc_" + "a" * 10_000, "hc_密钥"])
async def test_other_keys_have_no_client(pool, key):
    """Whatever is sent, the answer is no, not an error."""
    await create(pool)
    assert await Clients(pool).of(key) is None


async def test_two_keys_of_one_client(pool):
    """Rotation: both work, and one can be revoked."""
    (first, old), (_, new) = await create(pool), await create(pool)
    clients = Clients(pool)
    assert old != new
    assert (await clients.of(old)).name == (await clients.of(new)).name
    assert await keys.revoke(pool, first, NOW)
    assert await Clients(pool).of(old) is None
    assert (await Clients(pool).of(new)).name == "pads"


async def test_revoked_key_is_forgotten(pool):
    """A process that knows it forgets it within two seconds; a second revocation says there was nothing."""
    number, key = await create(pool)
    clients = Clients(pool)
    following = asyncio.create_task(clients.follow())
    try:
        assert await clients.of(key) is not None
        assert await keys.revoke(pool, number, NOW)
        assert not await keys.revoke(pool, number, NOW)
        await asyncio.sleep(1.5)
        assert await clients.of(key) is None
        assert await clients.numbered(number) is None
    finally:
        following.cancel()


async def test_kinds_are_those_of_the_table(pool):
    """Python's list and the table's check say the same."""
    for kind in keys.KINDS:
        await create(pool, kind=kind)
    with pytest.raises(asyncpg.CheckViolationError):
        await create(pool, kind="fax")
