"""The offices of the fictional city: people who work on tickets over HTTP, some late, some sloppy, most as usual.

What becomes of a ticket is drawn from its id, so that the same ticket has the same fate whoever looks.
"""

import asyncio
import random
import struct
import zlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import httpx

from haocha.simulate import names
from haocha.simulate.client import Refused

ROUND = 1.0  # seconds between two looks at the queues
AT_ONCE = 4  # commands on their way
A_ROUND = 24  # commands in one round
WAITING = "awaiting_dispatch,awaiting_acceptance,reviewing,appealing,fixing,approving,verifying"


class Fate(NamedTuple):
    """What becomes of a ticket: shares of all tickets by what is unusual about them."""

    late: bool
    appealed: bool
    explained: bool
    unhappy: bool
    silent: bool
    extended: bool
    sloppy: bool


def fate_of(ticket_id: str) -> Fate:
    """Draw the fate of a ticket."""
    chance = random.Random(f"fate {ticket_id}")  # noqa: S311 (a simulation must be repeatable)
    return Fate(*(chance.random() < share for share in (0.12, 0.1, 0.12, 0.18, 0.08, 0.08, 0.1)))


class Office:
    """Everybody who works on tickets: handlers by their unit, the others by their role."""

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        """Work at `url` with the tokens of `handler:<unit>`, `supervisor`, `reviewer`, `agent`, `inspector`."""
        self._http = httpx.AsyncClient(base_url=url, timeout=60)
        self._tokens = tokens
        self._units = [name.removeprefix("handler:") for name in tokens if name.startswith("handler:")]
        self.done: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        """Open connections when they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self._http.aclose()

    async def work(self) -> None:
        """Work on what waits, until cancelled; at once done where nobody works here."""
        if "supervisor" not in self._tokens:
            return
        gate = asyncio.Semaphore(AT_ONCE)

        async def act(ticket: dict[str, Any]) -> None:
            async with gate:
                await self._act(ticket)

        while True:
            try:
                due = [ticket for ticket in await self._waiting() if self._is_time(ticket)]
                await asyncio.gather(*(act(ticket) for ticket in due[:A_ROUND]))
            except httpx.TransportError:
                self.done["away"] += 1
            await asyncio.sleep(ROUND)

    async def _waiting(self) -> list[dict[str, Any]]:
        """Return open tickets, a few hundred of them, in no order that would make some wait for ever."""
        answer = await self._http.get(
            "/v1/tickets", params={"status": WAITING, "limit": "1000"}, headers=self._by("supervisor")
        )
        if answer.status_code != httpx.codes.OK:
            return []
        items: list[dict[str, Any]] = answer.json()["items"]
        random.shuffle(items)
        return items

    def _is_time(self, ticket: dict[str, Any]) -> bool:
        """Say whether the ticket has lain long enough: most a minute, some until it is late."""
        chance = random.Random(f"{ticket['ticketId']} {ticket['status']}")  # noqa: S311 (as above)
        seconds = chance.uniform(200, 900) if fate_of(ticket["ticketId"]).late else chance.uniform(3, 75)
        return datetime.now(UTC) - datetime.fromisoformat(ticket["enteredAt"]) > timedelta(seconds=seconds)

    async def _act(self, ticket: dict[str, Any]) -> None:
        fate = fate_of(ticket["ticketId"])
        chance = random.Random(f"{ticket['ticketId']} {ticket['version']}")  # noqa: S311 (as above)
        if ticket["extension"] == "requested":
            await self._give(ticket, "supervisor", "decide-extension", {"granted": chance.random() < 0.8})  # noqa: PLR2004
            return
        match ticket["status"]:
            case "awaiting_dispatch":
                await self._give(ticket, "supervisor", "dispatch", {"unit": chance.choice(self._units)})
            case "awaiting_acceptance":
                await self._give(ticket, "handler", "accept", {})
            case "reviewing":
                await self._review(ticket, fate, chance)
            case "appealing":
                upheld = chance.random() < 0.4  # noqa: PLR2004
                await self._give(
                    ticket, "reviewer", "decide-appeal", {"upheld": upheld, "reason": names.DECISIONS[not upheld]}
                )
            case "fixing":
                await self._fix(ticket, fate, chance)
            case "approving":
                if chance.random() < 0.1:  # noqa: PLR2004
                    await self._give(ticket, "supervisor", "return", {"reason": "措施不具体，请写明责任人和时间。"})
                else:
                    await self._give(ticket, "supervisor", "approve", {})
            case "verifying":
                await self._verify(ticket, fate)

    async def _review(self, ticket: dict[str, Any], fate: Fate, chance: random.Random) -> None:
        if not ticket["reached"] and ticket["contacts"] < 2:  # noqa: PLR2004
            if ticket["named"] and chance.random() < 0.1:  # noqa: PLR2004 (an account may see few in an hour)
                path = f"/v1/tickets/{ticket['ticketId']}/disclose"
                await self._http.post(path, json={"reason": "call"}, headers=self._by("agent"))
            await self._give(ticket, "agent", "contact", {"reached": chance.random() < 0.8, "channel": "phone"})  # noqa: PLR2004
        elif fate.appealed and ticket["appeal"] is None:
            body = {"ground": chance.choice(("mistaken", "untrue")), "reason": chance.choice(names.APPEALS)}
            await self._give(ticket, "handler", "appeal", body)
        else:
            body = {
                "verdict": chance.choice(("substantiated", "partly")),
                "ground": chance.choice(("attitude", "materials", "delay", "ability", "platform")),
                "difficulty": chance.choices(("simple", "general", "difficult"), (3, 6, 1))[0],
                "finding": chance.choice(names.EXPLANATIONS if fate.explained else names.FINDINGS),
                "disposition": "explain" if fate.explained else "fix",
            }
            if fate.explained:
                body["basis"] = names.BASES[0]
            await self._give(ticket, "handler", "review", body)

    async def _fix(self, ticket: dict[str, Any], fate: Fate, chance: random.Random) -> None:
        if fate.extended and ticket["extension"] is None and ticket["rounds"] == 0:
            await self._give(ticket, "handler", "request-extension", {"reason": names.EXTENSIONS[0], "stage": "fix"})
            if not fate.late:
                return
        headers = self._by(f"handler:{ticket['unit']}")
        kept = await self._http.post("/v1/evidence", content=picture(chance), headers=headers)
        if kept.is_success:
            body = {
                "measures": names.PERFUNCTORY if fate.sloppy else _measures(ticket, chance),
                "responsible": ticket["staffNo"] or "窗口负责人",
                "evidence": [{"digest": kept.json()["digest"], "caption": "整改后（演示图片）"}],
            }
            await self._give(ticket, "handler", "fix", body)

    async def _verify(self, ticket: dict[str, Any], fate: Fate) -> None:
        if ticket["spent"]:
            await self._give(ticket, "supervisor", "reopen", {"reason": "评价人两次不满意，挂牌督办，限期重办。"})
        elif ticket["source"] == "inspection":
            result = "failed" if fate.unhappy and ticket["rounds"] == 0 else "passed"
            await self._give(ticket, "inspector", "verify", {"result": result})
        elif fate.silent:
            await self._give(ticket, "agent", "contact", {"reached": False, "channel": "phone"})
        elif fate.unhappy and ticket["rounds"] == 0:
            body = {"result": "unsatisfied", "satisfaction": 2, "comment": names.VERDICTS[2]}
            await self._give(ticket, "agent", "verify", body)
        else:
            result = "satisfied" if ticket["disposition"] == "fix" else "informed"
            body = {"result": result, "satisfaction": 4, "comment": names.VERDICTS[ticket["version"] % 2]}
            await self._give(ticket, "agent", "verify", body)

    async def _give(self, ticket: dict[str, Any], who: str, command: str, body: dict[str, Any]) -> None:
        """Give a command over the version that the list showed; who was too late looks again in the next round."""
        name = f"handler:{ticket['unit']}" if who == "handler" else who
        if name not in self._tokens:
            return
        path = f"/v1/tickets/{ticket['ticketId']}/{command}"
        headers = self._by(name) | {"If-Match": f'"{ticket["version"]}"'}
        answer = await self._http.post(path, json=body, headers=headers)
        if answer.status_code in {401, 403}:
            raise Refused(f"{name} may not {command}: {answer.text[:300]}")
        self.done[command if answer.is_success else f"{command} {answer.status_code}"] += 1

    def _by(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[name]}"}


def _measures(ticket: dict[str, Any], chance: random.Random) -> str:
    place = f"{ticket['hallCode']} {ticket['windowNo']}".strip() or ticket["unit"]
    return f"{chance.choice(names.FIXES)}（{place}，编号 {ticket['number']}）"


def picture(chance: random.Random) -> bytes:
    """Draw a small PNG, two colours meeting: it stands for a photo and shows nobody."""
    side = 96
    first, second = (bytes(chance.randrange(256) for _ in range(3)) for _ in range(2))
    edge = chance.randrange(side)
    rows = b"".join(
        b"\0" + first * max(0, edge - row // 2) + second * (side - max(0, edge - row // 2)) for row in range(side)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
