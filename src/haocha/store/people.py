"""The accounts that a web process remembers; what is changed anywhere is forgotten within 2 seconds."""

import asyncio

import asyncpg
import structlog

from haocha.store import accounts
from haocha.store.accounts import PREFIX, Person, digest
from haocha.store.db import AWAY

logger = structlog.get_logger(__name__)


class People:
    """Accounts in force by number and by token; one never seen is looked up once."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Look up in the database behind `pool`."""
        self._pool = pool
        self._numbered: dict[int, Person] = {}
        self._holding: dict[bytes, int] = {}

    async def of(self, token: str) -> Person | None:
        """Return who holds `token`, None where it is nobody's or its account is disabled."""
        if not token.startswith(PREFIX):
            return None
        hashed = digest(token)
        known = self._numbered.get(self._holding.get(hashed, 0))
        if known is not None and known.token == hashed:
            return known
        return self._remember(await accounts.holding(self._pool, token))

    async def numbered(self, number: int) -> Person | None:
        """Return account `number`, None where it is disabled (a session asks this on every request)."""
        return self._numbered.get(number) or self._remember(await accounts.numbered(self._pool, number))

    def _remember(self, person: Person | None) -> Person | None:
        if person is None or person.disabled_at is not None:
            return None
        self._numbered[person.id] = person
        if person.token is not None:
            self._holding[person.token] = person.id
        return person

    def forget(self, number: int) -> None:
        """Ask anew for account `number`: it was changed here."""
        person = self._numbered.pop(number, None)
        if person is not None and person.token is not None:
            self._holding.pop(person.token, None)

    async def follow(self) -> None:
        """Forget what has changed, every second; forget all when the database cannot be asked."""
        while True:
            await asyncio.sleep(1)
            try:
                known = {number: person.revision for number, person in self._numbered.items()}
                for number in await accounts.outdated(self._pool, known):
                    self.forget(number)
            except AWAY as error:
                logger.warning("accounts_not_checked", error=type(error).__name__)
                self._numbered.clear()
                self._holding.clear()
