"""How many come when: working days with 调休, opening hours, crowds in the morning and afternoon."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import chinese_calendar

from haocha.domain.workdays import SHANGHAI
from haocha.simulate.city import City
from haocha.simulate.names import HALLS
from haocha.simulate.visits import Post, Visit, happens, posts

HALL_SHARE = 0.74  # of a working day's visits; the others are online or at a terminal
WEEKEND = 0.42  # visits on a day off, all of them online or at a terminal
TERMINAL_SHARE = 0.25  # of those
SATURDAY = 5
# Visits per hour: halls are open from 9 to 17, online goes on until late.
HALL_HOURS = {9: 22, 10: 26, 11: 16, 12: 4, 13: 8, 14: 20, 15: 18, 16: 10}
FAR_HOURS = {
    7: 3,
    8: 6,
    9: 9,
    10: 10,
    11: 8,
    12: 7,
    13: 6,
    14: 8,
    15: 8,
    16: 7,
    17: 5,
    18: 4,
    19: 6,
    20: 8,
    21: 6,
    22: 3,
}
LATEST = timedelta(days=17)  # nothing is sent longer after its visit: a late rating and its 追评


def works(day: date) -> bool:
    """Say whether the halls are open; beyond the known calendar, Monday to Friday."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < SATURDAY


def day_posts(city: City, seed: int, day: date, volume: int) -> list[Post]:
    """Return all that the visits of a day will send, then and later; `volume` is visits on a working day."""
    chance = random.Random(f"day {seed} {day}")  # noqa: S311 (a simulation must be repeatable)
    visits = round(volume * (1 if works(day) else WEEKEND) * chance.uniform(0.93, 1.07))
    made = Maker(city, chance, day)
    return [
        post
        for number in range(visits)
        for post in posts(chance, made.visit(f"YX{day:%Y%m%d}{number:06d}", inside=works(day)))
    ]


def between(city: City, seed: int, since: datetime, until: datetime, volume: int) -> Iterator[Post]:
    """Return what is sent in `(since, until]`, in order; visits before count where something of them comes late."""
    waiting: list[Post] = []
    day = (since - LATEST).date()
    while day <= until.date():
        waiting += day_posts(city, seed, day, volume)
        midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)
        yield from sorted((post for post in waiting if since < post.at <= min(until, midnight)), key=_when)
        waiting = [post for post in waiting if post.at > midnight]
        day += timedelta(days=1)


def _when(post: Post) -> datetime:
    return post.at


class Maker:
    """Makes the visits of a day: who sits where then, and how the crowd spreads."""

    def __init__(self, city: City, chance: random.Random, day: date) -> None:
        """Look at the city as it is on `day`."""
        self.city = city
        self.chance = chance
        self.midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
        self.seats = city.seats(day)
        self.staffed = sorted(self.seats)
        shares = {hall: share for hall, _, _, _, share in HALLS}
        sizes = {hall: sum(city.windows[window].hall == hall for window in self.staffed) for hall in shares}
        self.weights = [shares[city.windows[window].hall] / sizes[city.windows[window].hall] for window in self.staffed]

    def visit(self, number: str, *, inside: bool = True, at: datetime | None = None) -> Visit:
        """Make a visit, `inside` a hall with its usual probability; at a time of the day where none is given."""
        chance = self.chance
        in_hall = inside and happens(chance, HALL_SHARE)
        hours = HALL_HOURS if in_hall else FAR_HOURS
        hour = chance.choices(list(hours), list(hours.values()))[0]
        at = at or self.midnight + timedelta(hours=hour, seconds=chance.randrange(3600))
        if in_hall:
            index = chance.choices(self.staffed, self.weights)[0]
            window = self.city.windows[index]
            own = [matter for matter in self.city.matters if matter.dept == window.dept]
            matter = chance.choice(own if window.number.startswith("B") else self.city.matters)
            return Visit(number, at, window, chance.choice(self.seats[index]), matter)
        terminal = chance.choice(self.city.terminals) if happens(chance, TERMINAL_SHARE) else None
        return Visit(number, at, None, None, chance.choice(self.city.matters), terminal)
