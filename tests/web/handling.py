"""Tickets in the hands of people: one loop over HTTP at a time, with an account of every kind."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID

import httpx

from haocha.domain.policy import Terms
from haocha.domain.ticket import Ticket
from haocha.store import aggregates, evidence, log
from tests import people
from tests.web.running import Site
from tests.world import World

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
REVIEW = {
    "verdict": "substantiated",
    "ground": "attitude",
    "disposition": "fix",
    "finding": "调取录像，情况属实。",
}
PEOPLE = {
    "handler": ("handler", "TAX"),
    "colleague": ("handler", "TAX"),
    "stranger": ("handler", "HR"),
    "supervisor": ("supervisor", ""),
    "insider": ("supervisor", "TAX"),
    "reviewer": ("reviewer", ""),
    "agent": ("agent", ""),
    "inspector": ("inspector", ""),
    "leader": ("leader", ""),
    "auditor": ("auditor", ""),
    "admin": ("admin", ""),
}


class Loop:
    """One ticket of a site, and the people who work on it."""

    def __init__(self, site: Site, world: World, logins: dict[str, people.Login]) -> None:
        self.site = site
        self.world = world
        self.people = logins
        self.cookies: dict[str, httpx.Cookies] = {}
        self.id = ""

    @classmethod
    async def begin(cls, site: Site) -> "Loop":
        """Make one account of every kind."""
        world = await World(site.pool, site.context.install).begin()
        logins = {
            who: await people.make(site.pool, role, unit, name=f"名{who}") for who, (role, unit) in PEOPLE.items()
        }
        return cls(site, world, logins)

    @property
    def page(self) -> str:
        """The address of the ticket's page."""
        return f"/tickets/{self.id}"

    async def open(self, **changes: object) -> "Loop":
        """Let a bad rating of the tax window come in, and its ticket open."""
        key = await self.site.key()
        await self.world.react("open_ticket")  # what other tests have left
        before = {ticket.id for ticket in await self.world.tickets()}
        members = {"satisfaction": 1, "evalDetail": ["115"], "deptCode": "TAX", "staffNo": "7"} | changes
        answer = await self.site.rate(key, **members)
        assert answer.status_code == 201, answer.text
        await self.world.react("open_ticket")
        (ticket,) = [ticket for ticket in await self.world.tickets() if ticket.id not in before]
        self.id = str(ticket.id)
        return self

    async def version(self) -> int:
        """Return how many events the ticket has."""
        return len(await log.read_stream(self.site.pool, UUID(self.id)))

    async def ticket(self) -> Ticket:
        """Read the ticket."""
        return await aggregates.get(self.site.pool, Ticket, UUID(self.id))

    async def done(self, who: str, command: str, **body: object) -> None:
        """Give a command through the API, which takes it."""
        headers = self.people[who].headers | {"If-Match": f'"{await self.version()}"'}
        answer = await self.site.client.post(f"/v1/tickets/{self.id}/{command}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def decide(self, decision: Callable[[Ticket, Terms, datetime], object]) -> None:
        """Let a timer or the calendar decide something on the ticket."""
        rulebook = await self.site.context.rules.current()

        def command(ticket: Ticket) -> None:
            decision(ticket, rulebook.of(ticket.policy_version, ticket.calendar_version), datetime.now(UTC))

        await aggregates.execute(self.site.context.batcher, self.site.pool, Ticket, UUID(self.id), command)

    async def until(self, status: str) -> "Loop":
        """Bring the ticket that far on the straight way."""
        photo = await evidence.keep(self.site.pool, PNG, by="test", at=datetime.now(UTC))
        fix = {"measures": "已培训并道歉。", "responsible": "TAX/7", "evidence": [{"digest": photo.digest}]}
        steps = {
            "awaiting_acceptance": ("handler", "accept", {}),
            "reviewing": ("handler", "review", REVIEW),
            "fixing": ("handler", "fix", fix),
            "approving": ("supervisor", "approve", {}),
            "verifying": ("agent", "verify", {"result": "satisfied", "satisfaction": 5}),
        }
        while (now := (await self.ticket()).status) != status:
            who, command, body = steps[now]
            await self.done(who, command, **body)
        return self

    @contextlib.asynccontextmanager
    async def browser(self, who: str) -> AsyncIterator[httpx.AsyncClient]:
        """Be somebody in a browser without scripts; he logs in the first time."""
        headers, known = {"Accept": "text/html"}, self.cookies.get(who)
        async with httpx.AsyncClient(base_url=self.site.url, headers=headers, cookies=known, timeout=30) as client:
            if known is None:
                assert (await people.log_in(client, self.people[who])).status_code == 303
                self.cookies[who] = client.cookies
            yield client
