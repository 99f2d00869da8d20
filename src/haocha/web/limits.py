"""Rate limits: a token bucket per key, for public routes, log-ins and keys that were given a limit."""

import time
from collections import OrderedDict

from haocha.web.problems import Problem

REMEMBERED = 50_000


class Limiter:
    """Lets `per_minute` requests of each key through, in bursts of at most that many."""

    def __init__(self, per_minute: int) -> None:
        """Allow `per_minute` of each key unless a call says otherwise."""
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str, per_minute: int | None = None, cost: int = 1) -> None:
        """Take `cost` tokens from the bucket of `key`; raise a `429` problem with `Retry-After` when it is empty."""
        capacity = float(per_minute or self._per_minute)
        now = time.monotonic()
        tokens, then = self._buckets.pop(key, (capacity, now))
        tokens = min(capacity, tokens + (now - then) * capacity / 60)
        allowed = tokens >= min(cost, capacity)
        self._buckets[key] = (tokens - cost if allowed else tokens, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = int((min(cost, capacity) - tokens) * 60 / capacity) + 1
            raise Problem(429, "too_many", f"请求过于频繁，请在 {wait} 秒后重试。", headers={"Retry-After": str(wait)})
