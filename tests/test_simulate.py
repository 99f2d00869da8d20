"""The fictional city and its traffic, and the demonstration from start to end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta

import httpx
import pytest

from haocha.domain import codes
from haocha.domain.workdays import SHANGHAI
from haocha.registry import rows
from haocha.simulate import city, plan, run, traffic

SINCE = date(2026, 10, 12)
CITY = city.build(1, SINCE)
WORKDAY, SUNDAY, MAKE_UP = date(2025, 11, 3), date(2025, 11, 2), date(2025, 10, 11)
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def test_city_is_large_enough_and_without_faults():
    """Three halls and township stations, and every row passes the import's own checks."""
    parsed = rows.parse(city.table(CITY))
    kinds = Counter(row.kind for row in parsed.rows)
    assert parsed.faults == []
    assert kinds["hall"] >= 3
    assert kinds["window"] >= 60
    assert len(CITY.staff) >= 120
    assert kinds["org"] >= 20
    assert kinds["matter"] >= 80
    assert kinds["staff"] == len(CITY.staff) + city.MOVES


def test_same_seed_gives_the_same_city_and_day():
    """A second run repeats the first, so that what is in already is a duplicate; another seed does not."""
    assert city.build(1, SINCE) == CITY
    day = traffic.day_posts(CITY, 1, WORKDAY, 100)
    assert traffic.day_posts(CITY, 1, WORKDAY, 100) == day
    assert traffic.day_posts(CITY, 2, WORKDAY, 100) != day


def test_working_days_know_their_exchanges():
    """A Saturday that is worked for a holiday (调休) has open halls, a Sunday has not."""
    assert [traffic.works(day) for day in (WORKDAY, SUNDAY, MAKE_UP)] == [True, False, True]
    windows = [post for post in traffic.day_posts(CITY, 1, SUNDAY, 200) if "windowNo" in post.body]
    assert windows == []


def test_all_channels_and_levels_occur():
    """Pad, key pad, terminal, hotline, web, mobile, QR and SMS; services without a case; 追评, repeats and contests."""
    posts = [post for day in range(5) for post in traffic.day_posts(CITY, 1, WORKDAY + timedelta(days=day), 2000)]
    ratings = [post for post in posts if post.to == "ratings"]
    assert {post.client for post in ratings} == {
        "pad", "keypad", "terminal", "hotline", "web", "mobile", "integration",
    }  # fmt: skip
    assert {post.body["pf"] for post in ratings} == set("1234567")
    assert {post.body["satisfaction"] for post in ratings} == {1, 2, 3, 4, 5}
    bad = sum(post.body["satisfaction"] in codes.BAD_LEVELS for post in ratings) / len(ratings)
    assert 0.02 < bad < 0.06
    assert any("sourceId" in post.body for post in ratings)
    assert any(post.body.get("assessNumber") == 2 for post in ratings)
    firsts = Counter(
        post.body["projectNo"] for post in ratings if "projectNo" in post.body and "assessNumber" not in post.body
    )
    assert max(firsts.values()) > 1
    services = sum(post.to == "services" for post in posts)
    assert 0.6 < len(ratings) / services < 0.75


def test_nobody_in_it_is_real():
    """Certificates fail their checksum, telephone numbers begin as no operator's do."""
    people = [post.body for post in traffic.day_posts(CITY, 1, WORKDAY, 500) if "certKey" in post.body]
    assert len(people) > 500
    for person in people:
        total = sum(int(digit) * weight for digit, weight in zip(person["certKey"][:17], WEIGHTS, strict=True))
        assert "10X98765432"[total % 11] != person["certKey"][17]
        assert re.fullmatch(r"100\d{8}", person["mobile"])


def test_spans_follow_each_other_wherever_they_are_cut():
    """What is sent in two spans is what is sent in the whole: nothing late is lost at a seam."""
    start = datetime(2025, 11, 3, tzinfo=SHANGHAI)
    middle, end = start + timedelta(hours=35), start + timedelta(days=3)
    whole = list(traffic.between(CITY, 1, start, end, 100))
    parts = [*traffic.between(CITY, 1, start, middle, 100), *traffic.between(CITY, 1, middle, end, 100)]
    assert parts == whole
    assert any(post.body["assessTime"][:10] < f"{post.at:%Y-%m-%d}" for post in whole if post.to == "ratings")


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path):
    """Finished days are not posted again, and the city stays as it was when it was founded."""
    file, usual = tmp_path / "simulated.json", plan.Plan(days=3)
    now = datetime(2025, 11, 6, 10, tzinfo=SHANGHAI)
    memory = run.remember(file, usual, now.date())
    assert [(end - start) / timedelta(hours=1) for start, end in run.remaining(memory, usual, now)] == [24, 24, 24, 10]
    memory.until = now
    run.keep(file, memory)
    later = now + timedelta(hours=20)
    again = run.remember(file, usual, later.date())
    assert again.since == memory.since
    assert run.remaining(again, usual, later)[0][0] == now
    assert run.remember(file, plan.Plan(seed=2), later.date()).until is None


@pytest.fixture
def environment():
    """Return an environment without settings of our own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HAOCHA_")}


def demo(folder, environment):
    """Start a small demonstration; return the process, its address and keys, once its history is in."""
    command = [sys.executable, "-m", "haocha", "demo", "--port", "0", "--days", "2", "--volume", "60", "--rate", "600"]
    process = subprocess.Popen(
        [*command, "--data", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "History is in" in line:
            break
    text = "".join(said)
    assert "History is in" in text, text
    keys = json.loads((folder / "demo-keys.json").read_text())
    return process, re.search(r"http://127\.0\.0\.1:\d+", text)[0], keys, text


def stop(process):
    """Press Ctrl-C and wait; everything it started ends with it."""
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0, rest


def test_demo_serves_and_resumes(tmp_path, environment):
    """One command: registry, keys, history, live traffic; Ctrl-C ends it; a second run has the same data."""
    folder = tmp_path / "data"
    process, url, keys, said = demo(folder, environment)
    try:
        assert all(key in said for key in keys.values())
        assert (folder / "demo-keys.json").stat().st_mode & 0o777 == 0o600
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {keys['reader']}"}) as api:
            assert api.get("/").status_code == 200
            before = api.get("/v1/log").json()["position"]
            scores = api.get("/v1/scores/halls", params={"after": before}).json()
            assert {item["name"] for item in scores["items"]} & {hall[1] for hall in city.HALLS}
            deadline = time.monotonic() + 15
            while api.get("/v1/log").json()["position"] <= before and time.monotonic() < deadline:
                time.sleep(0.2)
            assert api.get("/v1/log").json()["position"] > before
    finally:
        stop(process)
    process, url, again, said = demo(folder, environment)
    try:
        assert again == keys
        assert httpx.get(f"{url}/v1/log").json()["position"] >= before
        assert "422" not in said
    finally:
        stop(process)
    assert not (folder / "pg" / "postmaster.pid").exists()
