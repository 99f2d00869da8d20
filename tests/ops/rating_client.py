"""A client of the kill test: posts ratings and retries each until it is acknowledged, in a process of its own.

Arguments: address, key, seed, a file whose presence says stop, a file that takes one JSON line per acknowledged rating.
"""

import json
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

PAUSE = 0.05  # seconds between two attempts
ACKNOWLEDGED = {200, 201, 409}


class Client:
    """Knows what it has posted, so that it can repeat, contest and supplement it."""

    def __init__(self, url: str, key: str, seed: int, out: Any) -> None:
        self.chance = random.Random(seed)
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=10)
        self.seed = seed
        self.out = out
        self.number = 0
        self.posted: list[dict[str, Any]] = []

    def rating(self) -> dict[str, Any]:
        """Make a rating of a new case; every fourth is bad, every third has a name."""
        self.number += 1
        level = self.chance.choice((5, 5, 4, 3, 2, 1, 5, 4))
        body: dict[str, Any] = {
            "projectNo": f"K{self.seed}-{self.number}",
            "satisfaction": level,
            "pf": self.chance.choice("1234567"),
            "assessTime": datetime.now(UTC).isoformat(),
            "hallCode": "H1",
            "windowNo": f"A{self.chance.randrange(9)}",
        }
        if level <= 2:
            body["writingEvaluation"] = f"等了 {self.number} 分钟"
        if self.chance.random() < 0.3:
            body["mobile"] = f"138{self.number:08d}"
        return body

    def next(self) -> list[dict[str, Any]]:
        """Choose what to post: a new rating, several, or one more of a case that is rated already."""
        way = self.chance.random()
        if way < 0.55 or not self.posted:
            return [self.rating()]
        if way < 0.65:
            return [self.rating() for _ in range(5)]
        earlier = dict(self.chance.choice(self.posted))
        if way < 0.75:  # a repeat
            return [earlier]
        level = self.chance.choice((1, 2, 4))
        if way < 0.88:  # a contest
            return [earlier | {"satisfaction": level, "writingEvaluation": f"第二次 {self.chance.randrange(4)}"}]
        return [earlier | {"assessNumber": 2, "satisfaction": level, "writingEvaluation": "追评"}]

    def post(self, bodies: list[dict[str, Any]]) -> None:
        """Post until every one of `bodies` is acknowledged, and note the answers."""
        attempts = 0
        while True:
            attempts += 1
            try:
                if len(bodies) == 1:
                    answer = self.http.post("/v1/ratings", json=bodies[0])
                    answers = [answer.json() | {"status": answer.status_code}]
                else:
                    answer = self.http.post("/v1/ratings/batch", json={"ratings": bodies})
                    answers = (
                        answer.json()["results"] if answer.status_code == 200 else [{"status": answer.status_code}]
                    )
            except (httpx.TransportError, ValueError):
                answers = [{"status": 503}]
            if all(answer["status"] in ACKNOWLEDGED for answer in answers):
                break
            if any(answer["status"] not in {*ACKNOWLEDGED, 503} for answer in answers):
                raise AssertionError(answers)
            time.sleep(PAUSE)
        for body, answer in zip(bodies, answers, strict=True):
            known = {name: answer[name] for name in ("status", "ratingId", "position", "receipt")}
            self.out.write(json.dumps({"body": body, "attempts": attempts} | known) + "\n")
            if answer["status"] == 201:
                self.posted.append(body)
        self.out.flush()


def main() -> None:
    """Post until told to stop."""
    url, key, seed, stop, out = sys.argv[1:]
    with Path(out).open("w", encoding="utf-8") as lines:
        client = Client(url, key, int(seed), lines)
        while not Path(stop).exists():
            client.post(client.next())


if __name__ == "__main__":
    main()
