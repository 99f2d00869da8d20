"""A ticket that people work on: commands of persons at given times, timers fired by hand, notices read back."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from haocha.domain.account import Account
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Evidence
from haocha.engine.timers import Timers
from haocha.handlers import handlers
from haocha.store import aggregates, log, rulebook
from haocha.web.sentences import sentence

HANDLER = Account(username="wang", role="handler", unit="TAX")
SUPERVISOR = Account(username="zhao", role="supervisor")
REVIEWER = Account(username="sun", role="reviewer")
AGENT = Account(username="qian", role="agent")
PHOTO = Evidence("0" * 64, "image/jpeg", 1)
WORDS = TextReference(uuid4(), 4, "0" * 32)
REVIEW = {"verdict": "substantiated", "ground": "attitude", "disposition": "fix", "finding": WORDS}
FIX = {"measures": WORDS, "responsible": "TAX/7", "evidence": (PHOTO,)}


class Case:
    """One ticket in a world."""

    def __init__(self, world, ticket_id: UUID, at: datetime) -> None:
        self.world = world
        self.id = ticket_id
        self.at = at
        """When the next command is given."""

    async def ticket(self) -> Ticket:
        """Read the ticket."""
        return await aggregates.get(self.world.pool, Ticket, self.id)

    async def do(self, by: Account, command: str, *, hours: float = 0.1, **members) -> Ticket:
        """Let a person give a command, some hours after the last one, and the handlers deal with it."""
        self.at += timedelta(hours=hours)
        ticket = await decide(self.world, self.id, by, command, self.at, **members)
        await self.world.react()
        return ticket

    async def events(self, *kinds: str) -> list:
        """Read the ticket's events of these kinds, such as `reminded`."""
        stream = await log.read_stream(self.world.pool, self.id)
        return [one.event for one in stream if one.topic.removeprefix("ticket.").removesuffix(":v1") in kinds]

    async def rules(self) -> list[str]:
        """Read which steps of deadlines were taken, in order: `fix warning:80`."""
        return [f"{event.stage} {event.rule}" for event in await self.events("reminded", "escalated") if event.due_at]

    async def notices(self) -> list[tuple[str, str]]:
        """Read kind and role of this ticket's notices, in order, and see that each can be said."""
        rows = await self.world.pool.fetch(
            "SELECT kind, role, members FROM engine.notices WHERE ticket = $1 ORDER BY n", self.id
        )
        for row in rows:
            assert sentence(row["kind"], {"link": ""} | msgspec.json.decode(row["members"])).startswith(
                ("工单", "新工单", "您的")
            )
        return [(row["kind"], row["role"]) for row in rows]


async def opened(world, project_no: str = "case", unit: str = "TAX", **members) -> Case:
    """Let a bad rating open a ticket with a unit, or without one."""
    if unit:
        await world.register("org", unit)
    await world.rate(project_no, dept=unit, area="370102000000", **members)
    await world.react()
    ticket = (await world.tickets())[-1]
    return Case(world, ticket.id, ticket.opened_at)


async def decide(world, ticket_id: UUID, by: Account, command: str, at: datetime, **members) -> Ticket:
    """Let a person decide on a ticket, without any handler."""
    ticket = await aggregates.get(world.pool, Ticket, ticket_id)
    rules = await rulebook.load(world.pool, world.install)
    getattr(ticket, command)(by, rules.of(ticket.policy_version, ticket.calendar_version), at, **members)
    (verdict,) = await log.append(world.pool, [log.Group(aggregates.new_events(ticket))])
    assert verdict.verdict == "ok"
    return ticket


async def fire(world, now: datetime) -> None:
    """Fire all that is due at `now`, as a worker does that has just started, and react to it."""
    timers = Timers(world.pool, handlers(world.install))
    while await timers.fire_one(now):
        pass
    await world.react()
