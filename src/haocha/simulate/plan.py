"""What is simulated, and what a second run goes on from."""

from datetime import date, datetime
from typing import NamedTuple

import msgspec


class Plan(NamedTuple):
    """How many days back, visits on a working day, live ratings per minute, and the seed of all chance."""

    days: int = 30
    volume: int = 2_000
    rate: float = 30.0
    seed: int = 1


USUAL = Plan()


class Memory(msgspec.Struct, rename="camel"):
    """How far the simulation came; `since` is the day after which the city's staff begin to move."""

    seed: int
    since: date
    until: datetime | None = None
