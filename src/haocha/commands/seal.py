"""`haocha seal`: the latest position and seal, to publish or print daily."""

from datetime import datetime
from pathlib import Path

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store import log
from haocha.store.db import connect
from haocha.store.instance import Instance


@click.command()
@data_option
@json_option
def seal(data: Path | None, *, as_json: bool) -> None:
    """Print POSITION:SEAL of the last commit.

    Publish or print it daily, out of this machine's reach. `haocha check --since POSITION:SEAL` then finds any event
    up to there that was altered, removed or inserted, whoever did it.
    """

    async def work(instance: Instance) -> tuple[int, datetime, bytes]:
        connection = await connect(instance.dsn)
        try:
            return await log.latest_seal(connection)
        finally:
            await connection.close()

    position, recorded_at, sealed = in_instance(data, work)
    text = f"{position}:{sealed.hex()}"
    report(
        {"position": position, "recordedAt": recorded_at.isoformat(), "seal": sealed.hex(), "since": text},
        text,
        as_json=as_json,
    )
