"""What is posted: ratings of the fictional city, identity in half of them, two in a hundred bad."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from haocha.simulate.city import City, build
from haocha.web.wire import SHANGHAI

DAYS = 30
INDICATORS = {5: "510", 4: "413", 3: "314", 2: "213", 1: "115"}
LEVELS = [5] * 80 + [4] * 12 + [3] * 6 + [2, 1]


def city(today: date) -> City:
    """Return the city that is imported and rated."""
    return build(7, today - timedelta(days=DAYS))


def ratings(tag: str, places: City, now: datetime, days: int = DAYS) -> Iterator[dict[str, Any]]:
    """Yield ratings of the last `days` days without end; `tag` keeps their case numbers apart from others'."""
    chance = random.Random(tag)
    number = 0
    while True:
        number += 1
        window = chance.choice(places.windows)
        staff = chance.choice(places.staff)
        matter = chance.choice(places.matters)
        level = chance.choice(LEVELS)
        at = now.astimezone(SHANGHAI) - timedelta(seconds=chance.randrange(60, days * 86_400))
        body: dict[str, Any] = {
            "projectNo": f"{tag}{number:08d}",
            "satisfaction": level,
            "pf": chance.choice("4441235"),
            "assessTime": f"{at:%Y-%m-%d %H:%M:%S}",
            "evalDetail": [INDICATORS[level]],
            "taskCode": matter.code,
            "areaCode": window.area,
            "deptCode": staff.dept,
            "hallCode": window.hall,
            "windowNo": window.number,
            "staffNo": staff.number,
            "deviceNo": window.device,
            "deviceSeq": number,
            "isAnonymity": "2",
        }
        if number % 2:
            body |= {
                "userName": "虚构人",
                "userProp": "1",
                "userPageType": "111",
                "certKey": f"99010119900101{number % 10_000:04d}",
                "mobile": f"100{number % 100_000_000:08d}",
            }
        yield body
