"""Connections: the one pool of a process, as haocha_app, with jsonb as bytes both ways."""

import asyncpg

COMMAND_TIMEOUT = 60.0  # seconds; a rebuild's statements pass their own
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What a statement raises when the server goes away under it, the driver's own confusion at that moment included."""
JSONB_VERSION = b"\x01"  # the one byte before the text in jsonb's binary form


def is_away(error: Exception) -> bool:
    """Tell whether a statement failed because the server went away, not of what it says (classes 22, 23, 42)."""
    return isinstance(error, AWAY) and not str(getattr(error, "sqlstate", "")).startswith(("22", "23", "42"))


def _encode_jsonb(text: bytes) -> bytes:
    return JSONB_VERSION + text


def _decode_jsonb(wire: bytes) -> bytes:
    return wire[1:]


async def prepare(connection: asyncpg.Connection) -> None:
    """Give a connection the jsonb codec: bytes in, bytes out, decoded by msgspec and nobody else."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


async def connect(dsn: str) -> asyncpg.Connection:
    """Open one connection outside the pool (to listen, or to hold a session), set up like the pool's."""
    connection = await asyncpg.connect(
        dsn, command_timeout=COMMAND_TIMEOUT, server_settings={"timezone": "UTC", "application_name": "haocha"}
    )
    await prepare(connection)
    return connection


async def open_pool(dsn: str, *, size: int = 10) -> asyncpg.Pool:
    """Open the pool; it connects when it is asked to, hence also again after PostgreSQL went away."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=prepare,
        command_timeout=COMMAND_TIMEOUT,
        server_settings={"timezone": "UTC", "application_name": "haocha"},
    )
