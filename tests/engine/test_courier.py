"""The courier against a gateway that fails, keeps silent, refuses, goes away and comes back."""

import asyncio
import hashlib
import hmac
import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha import links
from haocha.engine import courier as engine
from haocha.engine.courier import Courier
from haocha.engine.reactor import take
from haocha.handlers.handler import Effects, Notice
from haocha.store import log, notices
from haocha.store.vault import Vault
from haocha.web.sentences import SENTENCES, sentence
from tests.engine.gateway import Gateway

NAMES = UUID(int=9)
SECRET = b"a secret of some length"
NUMBERS = itertools.count(1)
NOW = datetime.now(UTC)
GUIDE = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text(encoding="utf-8")


@pytest.fixture
async def gateway():
    """Run a gateway."""
    async with Gateway().open() as gateway:
        yield gateway


@pytest.fixture
async def courier(gateway, settings, world):
    """Return a courier that has been at work since before the first notice."""
    courier = make(gateway, settings, world)
    await courier.enqueue(NOW)
    return courier


def make(gateway, settings, world):
    """Make another worker's courier."""
    changed = msgspec.structs.replace(
        settings, url="https://haocha.example", webhooks=(gateway.address,), webhook_secret=SECRET
    )
    return Courier(world.pool, changed, chance=lambda: 0.0)


async def tell(world, *notices):
    """Tell notices as a handler does."""
    async with world.pool.acquire() as connection, connection.transaction():
        await take(connection, None, Effects(notices=notices))


def notice(kind="assigned", ticket=1, **more):
    """Make a notice about a ticket."""
    number = next(NUMBERS)
    members = {"number": f"2025-{number}"} | more.pop("members", {})
    return Notice(
        uuid5(NAMES, str(number)), kind, UUID(int=ticket), members, **{"role": "handler", "unit": "TAX"} | more
    )


async def send(courier, now=NOW):
    """Make the deliveries, and send what is due."""
    while await courier.enqueue(now):
        pass
    while await courier.deliver_one(now):
        pass


async def states(world):
    """Return the state of each delivery, in order, with the attempts."""
    return [tuple(row) for row in await world.pool.fetch("SELECT state, attempts FROM engine.deliveries ORDER BY n")]


async def test_notice_arrives_signed(courier, gateway, world):
    """The body says what to show, where it leads and whom it is for; the signature covers time and body."""
    told = notice(area="370102000000")
    await tell(world, told)
    await send(courier)
    (came,) = gateway.came
    assert came.told["text"] == sentence("assigned", told.members)
    assert came.told["url"] == f"https://haocha.example/tickets/{told.ticket}"
    assert came.told["to"] == {"role": "handler", "unit": "TAX", "area": "370102000000", "accounts": []}
    assert came.headers["x-haocha-delivery"] == came.told["id"]
    moment, mark = (part.partition("=")[2] for part in came.headers["x-haocha-signature"].split(","))
    assert mark == hmac.digest(SECRET, f"{moment}.".encode() + came.body, hashlib.sha256).hex()
    assert await states(world) == [("delivered", 1)]
    await send(courier, NOW + timedelta(hours=2))
    assert len(gateway.came) == 1


async def test_address_in_the_database_gives_no_secret_away(courier, world):
    """A gateway's address may hold its token: rows and log lines name the host only."""
    await tell(world, notice())
    await send(courier)
    (address,) = await world.pool.fetchrow("SELECT address FROM engine.deliveries")
    assert address.startswith("127.0.0.1#")
    assert "secret" not in address


@pytest.mark.parametrize("answer", [500, 503, 429, 408, None])
async def test_failure_is_tried_again_with_the_same_id(courier, gateway, world, monkeypatch, answer):
    """What may pass is tried again after a pause that doubles; the receiver knows it by its id."""
    monkeypatch.setattr(engine, "PATIENCE", 1.5)
    gateway.answers = [answer, answer]
    await tell(world, notice())
    await send(courier)
    assert await states(world) == [("waiting", 1)]
    await send(courier, NOW + timedelta(seconds=0.9))
    assert len(gateway.came) == 1
    await send(courier, NOW + timedelta(seconds=1))
    assert len(gateway.came) == 2
    await send(courier, NOW + timedelta(seconds=2))
    assert len(gateway.came) == 2
    await send(courier, NOW + timedelta(seconds=3))
    assert await states(world) == [("delivered", 3)]
    assert len({came.told["id"] for came in gateway.came}) == 1


@pytest.mark.parametrize("answer", [400, 401, 404, 410, 302])
async def test_refusal_is_dead_at_once(courier, gateway, world, answer):
    """What would be answered alike each time is put aside, with what was answered."""
    gateway.answers = [answer]
    await tell(world, notice())
    await send(courier)
    row = await world.pool.fetchrow("SELECT state, status, error FROM engine.deliveries")
    assert tuple(row) == ("dead", answer, f"answered {answer}")


async def test_gateway_that_is_away_gets_everything_when_it_is_back(world, settings):
    """Nothing is lost, nothing is doubled, each ticket's notices keep their order."""
    away = Gateway()
    async with away.open():
        pass
    courier = make(away, settings, world)
    await courier.enqueue(NOW)
    await tell(world, *(notice(ticket=number % 3) for number in range(12)))
    await send(courier)
    assert {row[0] for row in await states(world)} == {"waiting"}
    async with away.open():
        for minute in range(1, 4):
            await send(courier, NOW + timedelta(minutes=minute))
    assert {row[0] for row in await states(world)} == {"delivered"}
    for ticket in range(3):
        numbers = [came.told["members"]["number"] for came in away.came if came.told["ticket"] == str(UUID(int=ticket))]
        assert len(numbers) == 4
        assert numbers == sorted(numbers, key=lambda number: int(number[5:]))


async def test_failure_holds_up_its_own_ticket_only(courier, gateway, world):
    """What came later to the same ticket waits behind it; other tickets do not."""
    gateway.answers = [500]
    await tell(world, notice(ticket=1), notice(ticket=1), notice(ticket=2))
    await send(courier)
    assert await states(world) == [("waiting", 1), ("waiting", 0), ("delivered", 1)]
    await send(courier, NOW + timedelta(minutes=1))
    assert await states(world) == [("delivered", 2), ("delivered", 1), ("delivered", 1)]


async def test_dead_delivery_lets_the_next_of_its_ticket_go(courier, gateway, world):
    """One that nobody will take must not hold up the ticket for ever."""
    gateway.answers = [400]
    await tell(world, notice(ticket=1), notice(ticket=1))
    await send(courier)
    assert await states(world) == [("dead", 1), ("delivered", 1)]


async def test_after_many_attempts_or_a_day_it_is_dead(courier, gateway, world, monkeypatch):
    """No delivery is tried for ever."""
    monkeypatch.setattr(engine, "MOST_ATTEMPTS", 3)
    gateway.answers = [500] * 9
    await tell(world, notice(ticket=1), notice(ticket=2))
    for minute in range(6):
        await send(courier, NOW + timedelta(minutes=minute))
    assert await states(world) == [("dead", 3), ("dead", 3)]
    await tell(world, notice(ticket=3))
    await send(courier)
    await send(courier, NOW + timedelta(days=1))
    assert (await states(world))[2] == ("dead", 2)


async def test_pauses_grow_to_an_hour_and_are_spread():
    """Doubled each time; chance takes up to half of it away, so that those which failed together come apart."""
    assert [engine.pause(attempts, 1).total_seconds() for attempts in (1, 2, 3, 11, 12, 25)] == [
        2, 4, 8, 2048, 3600, 3600,
    ]  # fmt: skip
    assert engine.pause(3, 0).total_seconds() == 4


async def test_worker_that_dies_on_the_way_is_replaced(courier, gateway, world, settings):
    """Its delivery is taken over after a minute, under the same id."""
    gateway.answers = [None]
    await tell(world, notice())
    await courier.enqueue(NOW)
    dying = asyncio.create_task(courier.deliver_one(NOW))
    async with asyncio.timeout(5):
        while not gateway.came:
            await asyncio.sleep(0.01)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    other = make(gateway, settings, world)
    await send(other, NOW + timedelta(seconds=59))
    assert len(gateway.came) == 1
    await send(other, NOW + timedelta(seconds=60))
    assert await states(world) == [("delivered", 2)]
    assert gateway.came[0].told == gateway.came[1].told


async def test_two_workers_share_the_work(courier, gateway, world, settings):
    """Every notice goes out once, in its ticket's order, a bounded number at the same time."""
    await tell(world, *(notice(ticket=number % 7) for number in range(70)))
    couriers = [courier, make(gateway, settings, world)]
    running = [asyncio.create_task(one.run()) for one in couriers]
    async with asyncio.timeout(20):
        while len(gateway.came) < 70:
            await asyncio.sleep(0.02)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert len({came.told["id"] for came in gateway.came}) == 70
    assert gateway.most <= 2 * engine.LANES
    for ticket in range(7):
        numbers = [
            int(c.told["members"]["number"][5:]) for c in gateway.came if c.told["ticket"] == str(UUID(int=ticket))
        ]
        assert numbers == sorted(numbers)


async def test_citizen_gets_a_link_and_no_table_gets_the_phone(courier, gateway, world, keys):
    """The phone is read when the message goes out; the link is the ticket's own for that attempt."""
    subject = UUID(int=77)
    await know(world, keys, subject, {"userName": "王小明", "mobile": "13900001234"})
    told = notice("citizen_verification", ticket=5, role="", unit="", subject=subject, members={"attempt": 2})
    await tell(world, told)
    await send(courier)
    (came,) = gateway.came
    token = links.token(keys.derive(links.PURPOSE), UUID(int=5), 2)
    assert came.told["to"] == {"phone": "13900001234"}
    assert came.told["url"] == f"https://haocha.example/v/{token}"
    assert came.told["text"].endswith(came.told["url"])
    kept = await world.pool.fetch(
        "SELECT told::text, sent::text FROM engine.notices told JOIN engine.deliveries sent ON sent.n = told.n"
    )
    assert kept
    assert not any(secret in text for row in kept for text in row for secret in ("13900001234", token))


async def test_citizen_who_left_no_phone_or_was_erased_gets_nothing(courier, gateway, world, keys):
    """That is no failure: the delivery ends as `nobody`, also where the phone was there when it began to wait."""
    await know(world, keys, UUID(int=78), {"userName": "王小明"})
    await know(world, keys, UUID(int=79), {"mobile": "13900001235"})
    await tell(world, *(notice("citizen_merged", ticket=n, role="", subject=UUID(int=n), members={"into": "2025-1"})
                        for n in (78, 79, 80)))  # fmt: skip
    await courier.enqueue(NOW)
    await world.pool.execute("DELETE FROM private.vault WHERE subject = $1", UUID(int=79))
    await send(courier)
    assert gateway.came == []
    assert await states(world) == [("nobody", 1)] * 3


async def test_message_that_cannot_be_written_is_dead(courier, world):
    """A kind that is not known any more harms nobody else."""
    await tell(world, notice("of_another_version"), notice(ticket=2))
    await send(courier)
    assert await states(world) == [("dead", 1), ("delivered", 1)]


async def test_new_webhook_hears_of_what_comes_from_now_on(gateway, world, settings):
    """Nobody wants last month's notices, nor those of a day when the gateway was not set."""
    await tell(world, notice())
    courier = make(gateway, settings, world)
    await send(courier)
    await tell(world, notice())
    await world.pool.execute("UPDATE engine.notices SET at = at - interval '25 hours'")
    await tell(world, notice())
    await send(courier)
    assert len(gateway.came) == 1
    assert await states(world) == [("delivered", 1)]


async def test_each_webhook_gets_its_own_delivery(gateway, world, settings):
    """One that fails does not keep the notice from the other."""
    async with Gateway().open() as second:
        changed = msgspec.structs.replace(
            settings, url="https://haocha.example", webhooks=(gateway.address, second.address), webhook_secret=SECRET
        )
        courier = Courier(world.pool, changed)
        await courier.enqueue(NOW)
        second.answers = [500]
        await tell(world, notice())
        await send(courier)
        assert len(gateway.came) == len(second.came) == 1
        assert sorted(state for state, _ in await states(world)) == ["delivered", "waiting"]


async def test_accounts_that_it_concerns_are_named(courier, gateway, world):
    """The unit's own handlers; of other roles those over the unit, over its area, or over everything."""
    people = [
        ("wang", "handler", "TAX", ""),
        ("li", "handler", "HR", ""),
        ("all", "supervisor", "", ""),
        ("here", "supervisor", "", "area:370100000000"),
        ("there", "supervisor", "", "area:370200000000"),
        ("tax", "supervisor", "", "dept:TAX"),
        ("hr", "supervisor", "", "dept:HR"),
        ("boss", "leader", "", ""),
    ]
    await world.pool.executemany(
        "INSERT INTO access.accounts (username, role, unit, node, created_at) VALUES ($1, $2, $3, $4, now())", people
    )
    await tell(
        world,
        notice(ticket=1, area="370102000000"),
        notice("awaiting_dispatch", ticket=2, role="supervisor", area="370102000000"),
        notice(ticket=3, account="boss"),
    )
    await send(courier)
    named = {came.told["ticket"][-1]: came.told["to"]["accounts"] for came in gateway.came}
    assert named == {"1": ["wang"], "2": ["all", "here", "tax"], "3": ["boss"]}


async def test_operators_are_told_how_deliveries_stand(courier, gateway, world):
    """How many wait and for how long, and how many are dead."""
    assert await notices.deliveries(world.pool, NOW) == (0, 0, 0)
    gateway.answers = [500, 400]
    await tell(world, notice(ticket=1), notice(ticket=1), notice(ticket=2))
    await send(courier)
    assert await notices.deliveries(world.pool, NOW + timedelta(minutes=5)) == (2, 300, 1)


async def test_old_notices_go_with_their_deliveries(courier, gateway, world):
    """Half a year in the inbox is enough; what waits for an address no longer set is dead after a day."""
    gateway.answers = [500]
    await tell(world, notice(ticket=1))
    await send(courier)
    await courier.clear(NOW + timedelta(days=2))
    assert (await states(world))[0][0] == "dead"
    await courier.clear(NOW + timedelta(days=181))
    assert await world.pool.fetchval("SELECT count(*) FROM engine.notices") == 0
    assert await states(world) == []


def test_every_sentence_can_be_said():
    """Each kind with everything that its sentence names; nothing is left in braces."""
    known = {"number": "2025-7", "stage": "fix", "level": "red", "why": "unsatisfied", "ground": "mistaken",
             "outcome": "fixed", "due": "2025-06-10T09:00:00Z", "round": 2, "attempt": 1, "into": "2025-3",
             "link": "https://haocha.example/v/x", "verdict": "upheld"}  # fmt: skip
    for kind in SENTENCES:
        assert not set("{}") & set(sentence(kind, known))
    assert sentence("warning", known) == "工单 2025-7 的整改时限 6月10日 17:00，即将到期。"


def table(marker):
    """Return the rows of the guide's table below a marker, by the name in their first cell."""
    lines = GUIDE.split(f"<!-- {marker} -->\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {name.strip("`"): rest for name, *rest in cells}


def test_guide_lists_every_kind_with_its_sentence():
    """Whoever writes a gateway can rely on the table."""
    assert {kind: told[-1] for kind, told in table("kinds: notices").items()} == SENTENCES


async def test_guide_lists_every_member(courier, gateway, world):
    """No more and no fewer than are sent."""
    await tell(world, notice())
    await send(courier)
    assert set(table("members: webhook")) == set(gateway.came[0].told)


def test_signature_of_the_guide_is_ours():
    """The example there checks what is made here; that it does is tested with the guide's other programs."""
    (body,) = re.findall(r"^body='(.*)'$", GUIDE, re.MULTILINE)
    (secret,) = re.findall(r"^secret='(.*)'$", GUIDE, re.MULTILINE)
    (told,) = re.findall(r"^signature='(t=(\d+),v1=\w+)'$", GUIDE, re.MULTILINE)
    at = datetime.fromtimestamp(int(told[1]), UTC)
    assert engine.signature(secret.encode(), body.encode(), at) == told[0]


async def know(world, keys, subject, identity):
    """Let the vault know somebody."""
    row = Vault(keys).seal(subject, identity)
    event = log.NewEvent(subject, 1, "service.recorded:v1", json.dumps({}).encode())
    await log.append(world.pool, [log.Group((event,), identities=(row,))])
