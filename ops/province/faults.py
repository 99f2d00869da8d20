"""The faults that a simulated province has on demand, by seeded chance.

Of each request at most one of `timeout error html slow cut expire` comes true. The first three strike before the
platform did its work or after it, as real gateways do: an error does not mean that nothing was stored. `refuse` strikes
single items, by their key: the same item is refused again until the fault is taken away.
"""

import hashlib
import json
import random
from typing import Literal

from records import Store

Fault = Literal["timeout", "error", "html", "slow", "cut", "expire"]
OF_REQUESTS: tuple[Fault, ...] = ("timeout", "error", "html", "slow", "cut", "expire")
NAMES = (*OF_REQUESTS, "refuse")
WORDS = "数据校验未通过：办件信息与省级库不一致"  # an invented reason, with the words of the real ones


class Faults:
    """The chances, kept over a restart, and how often each came true since the start."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store, self._seed = store, seed
        self._chance = dict.fromkeys(NAMES, 0.0) | json.loads(store.noted("faults") or "{}")
        starts = int(store.noted("starts") or 0)
        store.note("starts", str(starts + 1))
        self._random = random.Random(f"{seed}|{starts}")  # noqa: S311
        self.happened = dict.fromkeys(NAMES, 0)

    def set(self, chances: dict[str, float]) -> None:
        """Set some chances (0 to 1) and leave the others; ValueError names what is wrong and sets none."""
        for name, chance in chances.items():
            if name not in NAMES:
                raise ValueError(f"There is no fault {name!r}; there are: {', '.join(NAMES)}.")
            if not isinstance(chance, int | float) or not 0 <= chance <= 1:
                raise ValueError(f"The chance of {name!r} must be a number from 0 to 1, not {chance!r}.")
        self._chance |= chances
        self._store.note("faults", json.dumps(self._chance))

    def fate(self) -> Fault | None:
        """Draw what becomes of the next request."""
        for name in OF_REQUESTS:
            if self._chance[name] and self._random.random() < self._chance[name]:
                self.happened[name] += 1
                return name
        return None

    def early(self) -> bool:
        """Draw whether a fault strikes before the work is done."""
        return self._random.choice((True, False))

    def delay(self) -> float:
        """Draw the seconds of a slow answer."""
        return self._random.uniform(0.2, 1.5)

    def refuses(self, key: str) -> bool:
        """Tell whether the item of this key is refused: the same answer for the same key and seed, every time."""
        if not (chance := self._chance["refuse"]):
            return False
        drawn = int.from_bytes(hashlib.sha256(f"{self._seed}|{key}".encode()).digest()[:7])
        if drawn >= chance * 2**56:
            return False
        self.happened["refuse"] += 1
        return True

    def report(self) -> dict[str, dict[str, float]]:
        """Return `{name: {"chance", "happened"}}`."""
        return {name: {"chance": self._chance[name], "happened": self.happened[name]} for name in NAMES}
