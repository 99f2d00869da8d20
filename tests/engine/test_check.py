"""What `haocha check` finds: tampering with read models and with the log, by whoever may write there."""

import hashlib
import subprocess
import sys
from datetime import UTC, datetime

import asyncpg
import pytest

from haocha.engine import check
from haocha.engine.check import Seal
from haocha.store import log
from haocha.store.readmodels import definitions
from tests.engine.test_projector import Broken, step_through
from tests.projections.stories import append, story

# What somebody who owns the server would do after changing events: every seal anew, so that the chain holds again.
RESEAL = """
DO $$
DECLARE c record; previous bytea := ''; computed bytea;
BEGIN
  FOR c IN SELECT upto, lag(upto) OVER (ORDER BY upto) AS after FROM log.commits ORDER BY upto LOOP
    CONTINUE WHEN c.after IS NULL;
    SELECT sha256(previous || coalesce(string_agg(sha256(log.sealed_bytes(position, originator_id, originator_version,
             topic, recorded_at, state)), ''::bytea ORDER BY position), ''))
      INTO computed FROM log.events WHERE position > c.after AND position <= c.upto;
    UPDATE log.commits SET seal = computed WHERE upto = c.upto;
    previous := computed;
  END LOOP;
END $$
"""
TAMPERING = {
    "altered": "UPDATE log.events SET state = jsonb_set(state, '{satisfaction}', '5') WHERE position = 15",
    "removed": "DELETE FROM log.events WHERE position = 15",
    "inserted": "INSERT INTO log.events SELECT max(position) + 1, originator_id, 99, 'x', '{}', now()"
    " FROM log.events GROUP BY originator_id ORDER BY 1 DESC LIMIT 1",
}
# The same with every position after it moved, so that they are dense again; the seals are recomputed afterwards.
MOVE = (
    "UPDATE log.events SET position = -(position + {by}) WHERE position >= 15",
    "UPDATE log.events SET position = -position WHERE position < 0",
    "UPDATE log.commits SET upto = -(upto + {by}) WHERE upto >= 15",
    "UPDATE log.commits SET upto = -upto WHERE upto < 0",
)
ATTACKS = {
    "altered": [TAMPERING["altered"]],
    "removed": [TAMPERING["removed"], *(statement.format(by=-1) for statement in MOVE)],
    "inserted": [
        *(statement.format(by=1) for statement in MOVE),
        "INSERT INTO log.events VALUES (15, gen_random_uuid(), 1, 'x', '{}', now())",
    ],
}


@pytest.fixture
async def superuser(superuser_dsn):
    """Connect as the one whom no grant stops."""
    connection = await asyncpg.connect(superuser_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def told(world):
    """Return the pool of a log with a story in it and every projection at its head."""
    await append(world.pool, story(60))
    for name in definitions():
        await step_through(world.pool, name)
    return world.pool


def codes(findings):
    """Return the codes of findings."""
    return {finding.code for finding in findings}


async def found(pool, seals=()):
    """Return the findings but those about tickets: no handler runs here."""
    return [finding for finding in await check.check(pool, seals) if finding.code != "no_ticket"]


async def latest(pool):
    """Return the seal as it would be published."""
    position, _, seal = await log.latest_seal(pool)
    return Seal(position, seal)


async def test_untouched_log_is_clean_also_while_ingest_goes_on(told):
    """No finding, before and after more was appended that no projection has yet."""
    assert await found(told) == []
    published = await latest(told)
    await append(told, story(30, seed=1))
    assert await found(told, [published, await latest(told)]) == []


@pytest.mark.parametrize(
    ("table", "tampering"),
    [
        ("scores", "UPDATE live.scores SET n5 = n5 + 1 WHERE kind = 'windows'"),
        ("participation", "DELETE FROM live.participation WHERE kind = 'halls'"),
        ("ledger", "UPDATE live.ledger SET satisfaction = 5 WHERE satisfaction = 1"),
        ("indicators", "UPDATE live.indicators SET code = '9' || code"),
    ],
)
async def test_tampered_read_model_is_found_and_a_rebuild_mends_it(told, table, tampering):
    """The finding names the table, shows rows, and says what to type."""
    await told.execute(tampering)
    [finding] = await found(told)
    assert finding.code == "tampered"
    assert finding.message.startswith(table)
    assert finding.rows
    name = finding.todo.removeprefix("haocha rebuild ")
    from haocha.engine.rebuild import rebuild

    await rebuild(told, name)
    assert await found(told) == []


async def test_dropped_table_is_found(told):
    """A read model without its table is a finding, not a crash."""
    await told.execute("DROP TABLE live.indicators")
    assert codes(await found(told)) == {"tampered"}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampered_log_is_found(told, superuser, what):
    """An altered, a removed and an inserted event each break the chain or the dense positions."""
    await superuser.execute(TAMPERING[what])
    findings = await found(told)
    expected = {"altered": {"altered"}, "removed": {"altered", "removed"}, "inserted": {"inserted"}}[what]
    assert expected <= codes(findings)
    if what != "inserted":
        [broken] = [finding for finding in findings if finding.code == "altered"]
        assert broken.after < 15 <= broken.upto


@pytest.mark.parametrize("what", ATTACKS)
async def test_published_seal_finds_what_a_resealed_chain_hides(told, superuser, what):
    """The attacker recomputes every seal: only the seal that was published tells."""
    published = await latest(told)
    for statement in ATTACKS[what]:
        await superuser.execute(statement)
    await superuser.execute(
        "UPDATE log.events e SET recorded_at = (SELECT recorded_at FROM log.commits c WHERE c.upto >= e.position"
        " ORDER BY upto LIMIT 1)"
    )
    await superuser.execute(RESEAL)
    assert {"altered", "removed", "inserted", "chain"}.isdisjoint(codes(await found(told)))
    assert "rewritten" in codes(await found(told, [published]))


async def test_several_published_seals_narrow_the_range(told, superuser):
    """The finding names the positions between the last seal that holds and the first that does not."""
    seals = [Seal(upto, seal) for upto, seal in await told.fetch("SELECT upto, seal FROM log.commits ORDER BY upto")]
    await superuser.execute("UPDATE log.events SET state = state || '{\"x\": 1}' WHERE position = 25")
    await superuser.execute(RESEAL)
    [finding] = [finding for finding in await found(told, seals) if finding.code == "rewritten"]
    assert finding.after < 25 <= finding.upto
    assert finding.upto - finding.after <= 10


async def test_seal_is_the_same_in_python_and_under_any_session_settings(told, superuser):
    """The chain is recomputed from the log's columns alone, and a check under odd settings finds nothing."""
    await superuser.execute(
        "SET TimeZone = 'Pacific/Kiritimati'; SET DateStyle = 'German, DMY'; SET bytea_output = 'escape'"
    )
    await superuser.execute("SET extra_float_digits = 0; SET IntervalStyle = 'sql_standard'")
    broken = await superuser.fetch(check.SQL["chain"], 0, 1000)
    assert broken
    assert all(row["holds"] and row["timed"] for row in broken)
    seal, after = b"", 0
    for upto, stored in await told.fetch("SELECT upto, seal FROM log.commits WHERE upto > 0 ORDER BY upto"):
        rows = await told.fetch(
            "SELECT position, originator_id, originator_version, topic, recorded_at, state FROM log.events"
            " WHERE position > $1 AND position <= $2 ORDER BY position",
            after,
            upto,
        )
        seal = hashlib.sha256(seal + b"".join(_sealed(row) for row in rows)).digest()
        assert seal == stored
        after = upto


def _sealed(row: asyncpg.Record) -> bytes:
    position, stream, version, topic, at, state = row
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return hashlib.sha256(f"{position}|{stream}|{version}|{topic}|{micros}|{state.decode()}".encode()).digest()


async def test_checkpoint_beyond_the_log_failed_stale_and_parked_are_found(told):
    """Each says what to do next."""
    await told.execute("UPDATE engine.checkpoints SET position = 10000 WHERE name = 'projection:ledger'")
    await told.execute("UPDATE engine.checkpoints SET state = 'failed', error = 'x' WHERE name = 'projection:services'")
    await told.execute("INSERT INTO engine.parked VALUES ('link', 3, 'k', 'e', 1, now())")
    with Broken("scores") as scores:
        scores.becomes()
        findings = {finding.code: finding for finding in await found(told)}
    assert {"ahead", "failed", "stale", "parked"} <= findings.keys()
    assert findings["ahead"].todo == "haocha rebuild ledger"
    assert all(finding.todo for finding in findings.values())


async def test_bad_rating_without_ticket_is_found(world):
    """What the handler has passed must be the source of a ticket; what it has not reached yet need not."""
    await world.rate("P-1", 1)
    assert codes(await check.check(world.pool)) == set()
    head = await log.head(world.pool)
    await world.pool.execute(
        "INSERT INTO engine.checkpoints (name, position) VALUES ('handler:open_ticket', $1)"
        " ON CONFLICT (name) DO UPDATE SET position = $1",
        head,
    )
    [finding] = await check.check(world.pool)
    assert (finding.code, finding.upto) == ("no_ticket", head)


@pytest.mark.parametrize("text", ["", "12", "x:00", "12:zz", f"1:{'0' * 63}"])
def test_text_that_is_no_seal_is_refused(text):
    """`--since` takes what `haocha seal` prints and nothing else."""
    with pytest.raises(ValueError, match="POSITION:SEAL"):
        Seal.parse(text)


def test_command_checks_rebuilds_and_exits_with_findings(tmp_path):
    """Over a fresh instance: clean is 0, a wrong published seal is 1 with a finding, a wrong argument is 2."""

    def haocha(*arguments):
        command = [sys.executable, "-m", "haocha", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    where = ("--data", str(tmp_path / "data"))
    rebuilt = haocha("rebuild", "--all", *where, "--json")
    assert (rebuilt.returncode, "scores" in rebuilt.stdout) == (0, True), rebuilt.stderr
    clean = haocha("check", *where)
    assert (clean.returncode, clean.stdout[:5]) == (0, "Clean"), clean.stderr + clean.stdout
    wrong = haocha("check", *where, "--since", f"7:{'ab' * 32}", "--json")
    assert (wrong.returncode, "rewritten" in wrong.stdout) == (1, True), wrong.stderr
    assert haocha("check", *where, "--since", "nonsense").returncode == 2
    assert haocha("rebuild", *where).returncode == 2
