"""What happens at one visit: the service record, perhaps a rating over one of the channels, and what may follow it.

The figures are invented but plausible: about two of three are rated, 3 in 100 badly, at a few windows many more; some
ratings come days late, twice, from two sides, or with codes that the registry does not know.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from haocha.domain import codes
from haocha.simulate.city import Matter, Staff, Window
from haocha.simulate.names import AFTERWARDS, COMPLAINTS, GIVEN, SURNAMES, TEXTS

CITIZENS = 30_000
RATED_INSIDE, RATED_FAR = 0.68, 0.62  # of the visits
USUAL = (0.006, 0.012, 0.04, 0.14, 0.802)  # levels 1 … 5
TROUBLE = (0.17, 0.17, 0.18, 0.2, 0.28)
INDICATORS = {
    level: sorted(code for code in codes.CURRENT_INDICATORS if codes.INDICATORS[code][0] == level)
    for level in codes.LEVELS
}
CHECK_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
HALL_CHANNELS = (("pad", 0.7), ("qr", 0.1), ("sms", 0.12), ("hotline", 0.08))
FAR_CHANNELS = (("web", 0.38), ("mobile", 0.5), ("sms", 0.12))
CLIENTS = {"qr": "mobile", "sms": "integration"}
"""Which kind of key a channel posts with, where it is not called the same."""


class Post(NamedTuple):
    """One record to post: when, with which kind of key, and to where (`services`, `ratings`, `complaints`)."""

    at: datetime
    client: str
    to: str
    body: dict[str, Any]


class Visit(NamedTuple):
    """Where and when somebody was served, by whom, and on what."""

    number: str
    at: datetime
    window: Window | None  # None: online or at a self-service terminal
    staff: Staff | None
    matter: Matter
    terminal: tuple[str, str, str] | None = None


def happens(chance: random.Random, probability: float) -> bool:
    """Let something happen with a probability."""
    return chance.random() < probability


def posts(chance: random.Random, visit: Visit) -> Iterator[Post]:
    """Return all that a visit sends, in no order."""
    citizen = _citizen(chance.randrange(CITIZENS))
    yield Post(visit.at + timedelta(minutes=2), "integration", "services", _service(visit, citizen))
    if not happens(chance, RATED_INSIDE if visit.window else RATED_FAR):
        return
    channel = _channel(chance, visit)
    level = _level(chance, visit)
    given = visit.at + timedelta(minutes=chance.uniform(1, 6))
    if channel in ("sms", "hotline"):
        given += timedelta(hours=chance.uniform(0.5, 3))
    rating = _rating(chance, visit, channel, level, given, citizen)
    client = CLIENTS.get(channel, channel)
    late = channel in ("pad", "keypad") and happens(chance, 0.02)
    sent = given + timedelta(days=chance.uniform(1, 7)) if late else given
    yield Post(sent, client, "ratings", rating)
    yield from _afterwards(chance, visit, Post(sent, client, "ratings", rating), level, citizen)


def _afterwards(
    chance: random.Random, visit: Visit, first: Post, level: int, citizen: dict[str, str]
) -> Iterator[Post]:
    """Repeats by nervous devices, the citizen's own rating against the one on the pad, and 追评 days later."""
    if happens(chance, 0.006):
        yield first._replace(at=first.at + timedelta(minutes=1))
    elif happens(chance, 0.004) and "projectNo" in first.body and first.client == "pad":
        other = chance.choice([other for other in (1, 2, 5) if other != level])
        at = first.at + timedelta(hours=chance.uniform(1, 20))
        yield Post(at, "mobile", "ratings", _rating(chance, visit, "mobile", other, at, citizen))
    elif "projectNo" in first.body and happens(chance, 0.12 if level in codes.BAD_LEVELS else 0.004):
        better = level in codes.BAD_LEVELS and happens(chance, 0.6)
        at = first.at + timedelta(days=chance.uniform(1, 8))
        again = _rating(
            chance, visit, "mobile", chance.choice((4, 5)) if better else chance.choice((1, 2)), at, citizen
        )
        again |= {"assessNumber": 2, "writingEvaluation": chance.choice(AFTERWARDS[better])}
        yield Post(at, "mobile", "ratings", again)


def complaint(chance: random.Random, visit: Visit) -> Post:
    """Return a complaint about the visit, as the hotline takes it down."""
    place = {"hallCode": visit.window.hall, "windowNo": visit.window.number} if visit.window else {}
    body = {
        "kind": chance.choice(("hotline", "desk", "box")),
        "sourceId": f"TS-{visit.number}",
        "text": chance.choice(COMPLAINTS),
        "taskCode": visit.matter.code,
        "deptCode": visit.matter.dept,
        **place,
    }
    return Post(visit.at, "hotline", "complaints", body)


def _channel(chance: random.Random, visit: Visit) -> str:
    if visit.terminal:
        return "terminal"
    names, weights = zip(*(HALL_CHANNELS if visit.window else FAR_CHANNELS), strict=True)
    channel: str = chance.choices(names, weights)[0]
    return visit.window.device_kind if visit.window and channel == "pad" else channel


def _level(chance: random.Random, visit: Visit) -> int:
    trouble = visit.staff.trouble if visit.staff else 0.02
    weights = [usual * (1 - trouble) + bad * trouble for usual, bad in zip(USUAL, TROUBLE, strict=True)]
    return chance.choices((1, 2, 3, 4, 5), weights)[0]


def _service(visit: Visit, citizen: dict[str, str]) -> dict[str, Any]:
    place, name = {"areaCode": "990100000000", "deptCode": visit.matter.dept}, "网上办理"
    if visit.window and visit.staff:  # the staff are not of the matter's department: its code would look for them there
        place = {"hallCode": visit.window.hall, "windowNo": visit.window.number, "areaCode": visit.window.area}
        place["staffNo"] = visit.staff.number
        name = "窗口办理"
    elif visit.terminal:
        device, hall, area = visit.terminal
        place, name = {"deviceNo": device, "hallCode": hall, "areaCode": area}, "自助办理"
    return {
        "projectNo": visit.number,
        "serviceTime": wire_time(visit.at),
        "serviceName": name,
        "deptName": visit.matter.dept_name,
        "taskCode": visit.matter.code,
        "taskName": visit.matter.name,
        "projectName": f"{visit.matter.name}申请",
        "projectType": "1",
        "proStatus": "3",
        "acceptDate": wire_time(visit.at),
        "resultDate": wire_time(visit.at),
        "promiseTime": "1",
        "proChannel": "2" if visit.window else "1",
        **place,
        **citizen,
    }


def _rating(  # noqa: PLR0917
    chance: random.Random, visit: Visit, channel: str, level: int, at: datetime, citizen: dict[str, str]
) -> dict[str, Any]:
    """Return a rating as that channel's client would send it."""
    body: dict[str, Any] = {
        "satisfaction": level,
        "pf": {"web": "1", "mobile": "2", "qr": "3", "pad": "4", "hotline": "6", "sms": "7"}.get(channel, "5"),
        "assessTime": wire_time(at),
        "taskCode": visit.matter.code,
        "taskName": visit.matter.name,
        **_place(chance, visit, channel),
        **_reasons(chance, channel, level, citizen),
    }
    # A call, a poster's QR code or a terminal may know no case.
    if channel in ("hotline", "qr", "terminal") and happens(chance, 0.3):
        body["sourceId"] = f"{channel}-{visit.number}"
    else:
        body |= {"projectNo": visit.number, "serviceTime": wire_time(visit.at)}
    if happens(chance, {"web": 0.95, "mobile": 0.95, "pad": 0.4, "terminal": 0.7, "hotline": 0.6}.get(channel, 0.1)):
        body |= citizen | {"isAnonymity": "1" if happens(chance, 0.25) else "2"}
    return body


def _place(chance: random.Random, visit: Visit, channel: str) -> dict[str, Any]:
    """Return what a channel knows of where it is; one in a hundred says what the registry does not know."""
    if visit.terminal:
        return {"deviceNo": visit.terminal[0], "areaCode": visit.terminal[2]}
    if visit.window is None or visit.staff is None:
        return {"deptCode": visit.matter.dept, "areaCode": "990100000000"}
    number = "C09" if happens(chance, 0.006) else visit.window.number
    staff = "9999" if happens(chance, 0.004) else visit.staff.number
    match channel:
        case "pad":
            return {"deviceNo": visit.window.device, "deviceSeq": int(visit.number[-6:]), "staffNo": staff}
        case "keypad":
            return {
                "deviceNo": visit.window.device,
                "hallCode": visit.window.hall,
                "windowNo": number,
                "staffNo": staff,
            }
        case "qr":
            return {"hallCode": visit.window.hall, "windowNo": number}
        case _:
            return {"hallCode": visit.window.hall, "windowNo": number, "areaCode": visit.window.area}


def _reasons(chance: random.Random, channel: str, level: int, citizen: dict[str, str]) -> dict[str, Any]:
    """Return indicators of the level and a text; who can ask for the reason of a 差评 has asked."""
    bad = level in codes.BAD_LEVELS
    if channel == "keypad":
        return {}
    reasons: dict[str, Any] = {}
    if happens(chance, 0.8 if bad else 0.5):
        picked = chance.sample(INDICATORS[level], chance.choice((1, 1, 2, 3)))
        reasons["evalDetail"] = picked if happens(chance, 0.7) else ",".join(picked)
    if happens(chance, 0.45 if bad else 0.1) or (bad and not reasons and channel not in ("hotline", "sms")):
        text = chance.choice(TEXTS[level])
        reasons["writingEvaluation"] = text.format(name=citizen["userName"], mobile=citizen["mobile"])
    return reasons


def _citizen(number: int) -> dict[str, str]:
    """Return the n-th citizen; the certificate fails its checksum and no operator has numbers that begin with 100."""
    born = 1950 + number % 56
    body = f"990101{born}{1 + number % 12:02d}{1 + number % 28:02d}{number % 1000:03d}"
    right = sum(int(digit) * weight for digit, weight in zip(body, CHECK_WEIGHTS, strict=True)) % 11
    return {
        "userName": SURNAMES[number % len(SURNAMES)] + GIVEN[number // 12 % len(GIVEN)] + GIVEN[number % 7][0],
        "userProp": "1",
        "userPageType": "111",
        "certKey": body + CHECK_CHARACTERS[(right + 1) % 11],
        "mobile": f"100{number:08d}",
    }


def wire_time(moment: datetime) -> str:
    """Write a time as most clients do: Shanghai's, without a zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")
