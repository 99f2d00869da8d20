"""The law of every projection: folded in any batches it is the rebuild, and both are what plain Python comes to."""

import itertools
import re

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haocha.engine.tables import SETTINGS, create, fold
from haocha.store import db
from haocha.store.readmodels import definitions
from tests.projections.reference import CELLS, Reference
from tests.projections.stories import DIMENSIONS, LIFTING_VIEW, Step, Teller, steps, write

SUBJECT = ("kind", "key", "hall", "dept", "area", "channel", "day", "known")
# table → the projection it belongs to, its key, its other columns
TABLES = {
    "scores": ("scores", SUBJECT, CELLS),
    "participation": ("services", SUBJECT, ("services", "rated", "unmatched")),
    "services": ("services", ("project_no", "service_number"), ("recorded", "pf", "day", *DIMENSIONS)),
    "indicators": (
        "indicators",
        ("code", "level", "window", "dept", "hall", "area", "channel", "day", "known"),
        ("n",),
    ),
    "ledger": (
        "ledger",
        ("position",),
        (*DIMENSIONS, "day", "kind", "satisfaction", "linked", "contested", "excluded", "pf", "project_no", "flags"),
    ),
}


async def fold_in(connection: asyncpg.Connection, table: str, bounds: list[int]) -> dict[tuple, tuple]:
    """Fold a projection from nothing between `bounds` and return one of its tables; nothing stays."""
    projection, key, columns = TABLES[table]
    definition = definitions()[projection]
    transaction = connection.transaction()
    await transaction.start()
    try:
        await create(connection, definition, "next")
        await connection.execute(SETTINGS["next"])
        for after, upto in itertools.pairwise(bounds):
            await fold(connection, definition, after, upto)
        rows = await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 (a name from above)
    finally:
        await transaction.rollback()
    return {tuple(row[name] for name in key): tuple(row[name] for name in columns) for row in rows}


def expected(reference: Reference, table: str) -> dict[tuple, tuple]:
    """Return a table of the reference in the form of `fold_in`."""
    held = getattr(reference, table)
    columns = TABLES[table][2]
    return {
        key: tuple(row[name] for name in columns)
        if isinstance(row, dict)
        else tuple(row)
        if isinstance(row, list)
        else (row,)
        for key, row in held.items()
    }


@pytest.fixture(scope="module")
async def world(cluster):
    """Make a database whose view lifts an old topic version; yield a superuser (to write) and the app (to fold)."""
    name = "projections_law"
    await cluster.run(f"CREATE DATABASE {name} TEMPLATE haocha_template OWNER haocha_owner")
    superuser = await asyncpg.connect(cluster.dsn("haocha_super", name))
    await superuser.execute(LIFTING_VIEW)
    app = await db.connect(cluster.dsn("haocha_app", name))
    yield superuser, app
    await app.close()
    await superuser.close()
    await cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("table", TABLES)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(told=steps, cuts=st.lists(st.integers(0, 40), max_size=6))
async def test_folds_in_any_batches_are_the_rebuild_and_the_reference(world, table, told, cuts):
    """Exclusions, links, late records, 追评, contests and old topic versions included."""
    superuser, app = world
    events = Teller().tell(told)
    if not events:
        return
    await write(superuser, events)
    last = len(events)
    rebuilt = await fold_in(app, table, [0, last])
    assert expected(Reference(events), table) == rebuilt
    assert rebuilt == await fold_in(app, table, sorted({0, last, *(cut for cut in cuts if cut < last)}))


@pytest.mark.parametrize("table", TABLES)
async def test_folds_one_by_one_are_the_rebuild(world, table):
    """A long story of everything, event by event."""
    superuser, app = world
    whats = ["record", "rate", "supplement", "link", "exclude", "rate", "flag", "link", "reinstate", "record"]
    told = [Step(whats[i % 10], i % 4, i % 5, 1 + i % 5, 1 + i % 3, i % 3, i % 7, i % 3 == 0) for i in range(120)]
    events = Teller().tell(told)
    await write(superuser, events)
    rebuilt = await fold_in(app, table, [0, len(events)])
    assert expected(Reference(events), table) == rebuilt
    assert rebuilt == await fold_in(app, table, list(range(len(events) + 1)))


@pytest.mark.parametrize("name", sorted(definitions()))
def test_events_section_names_the_topics_of_the_folds(name):
    """What a file says it reads is what its statements read."""
    definition = definitions()[name]
    assert definition.topics
    assert definition.topics == set(re.findall(r"'([a-z_.]+:v\d+)'", " ".join(definition.folds)))
