"""The base of the simulated provinces, seen through the smallest of them: what it acknowledges it keeps, its faults."""

import asyncio
import re
import ssl
import subprocess
import sys

import httpx
import pytest

from tests.sync.provinces import PROGRAMS, province

TLS = ssl.create_default_context()  # made once: it takes longer than a request
FORM = {
    "areaCode": "990100000000",
    "deptCode": "11990100000000001A",
    "taskCode": "11990100000000001A4000120001000",
    "taskName": "个体工商户设立登记",
    "proStatus": "3",
    "proDepart": "虚市场监管局",
    "pf": "4",
    "satisfaction": "5",
    "assessTime": "2026-01-05 09:41:07",
    "assessNumber": "1",
    "dataSource": "133",
}


@pytest.fixture
async def platform(tmp_path):
    """Run the smallest platform."""
    async with province("zhejiang", tmp_path, "--seed", 7) as running:
        yield running


async def post(client: httpx.AsyncClient, url: str, number: object) -> httpx.Response:
    """Send the rating of one case."""
    return await client.post(f"{url}/report", data=FORM | {"projectNo": str(number)})


async def posted(url: str, number: object, patience: float = 30) -> httpx.Response:
    """Send one rating over a connection of its own, and wait some seconds for the answer."""
    async with httpx.AsyncClient(timeout=httpx.Timeout(30, read=patience), trust_env=False, verify=TLS) as client:
        return await post(client, url, number)


async def numbers(platform) -> list[str]:
    """Return the cases that the platform holds ratings of."""
    return [held["projectNo"] for held in await platform.records()]


async def test_what_was_acknowledged_survives_a_kill(platform):
    """Killed in the middle of a stream of requests it holds every rating that it said it had, each once."""
    acknowledged = []

    async def stream(lane: int) -> None:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            for number in range(10_000):
                try:
                    answer = await post(client, platform.url, f"{lane}-{number}")
                except httpx.TransportError:
                    return
                assert answer.json()["result"] == "1"
                acknowledged.append(f"{lane}-{number}")
                if len(acknowledged) == 150:
                    await platform.kill()

    await asyncio.gather(*(stream(lane) for lane in range(4)))
    await platform.start()
    held = await numbers(platform)
    assert len(acknowledged) >= 150
    assert set(acknowledged) <= set(held)
    assert len(held) == len(set(held)) <= len(acknowledged) + 4


async def test_restart_keeps_port_data_and_faults(platform):
    """A client that goes on trying finds the same platform where it was, in the same mood."""
    await posted(platform.url, 1)
    await platform.faults(error=0.25)
    url = platform.url
    await platform.restart()
    assert platform.url == url
    assert await numbers(platform) == ["1"]
    assert (await platform.faults())["error"] == {"chance": 0.25, "happened": 0}


@pytest.mark.parametrize(("fault", "status"), [("error", 502), ("html", 200)])
async def test_error_page_says_nothing_of_what_was_stored(fault, status, platform):
    """A gateway's page comes before the work was done or after it: both happen."""
    await platform.faults(**{fault: 1})
    for number in range(20):
        answer = await posted(platform.url, number)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "系统繁忙" in answer.text
    assert 0 < len(await numbers(platform)) < 20
    assert (await platform.faults())[fault]["happened"] == 20


async def test_timeout_leaves_the_client_alone(platform):
    """No answer comes, whether the rating was stored or not."""
    await platform.faults(timeout=1)
    for number in range(8):
        with pytest.raises(httpx.ReadTimeout):
            await posted(platform.url, number, patience=0.05)
    await platform.faults(timeout=0)
    assert len(await numbers(platform)) < 8
    assert (await posted(platform.url, "later")).json()["result"] == "1"


async def test_cut_answer_follows_a_commit(platform):
    """The connection drops, the rating is there, and the repeat is told so."""
    await platform.faults(cut=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await posted(platform.url, 1)
    await platform.faults(cut=0)
    assert await numbers(platform) == ["1"]
    assert "请勿重复" in (await posted(platform.url, 1)).text


async def test_slow_answer_is_an_answer(platform):
    """It takes its time: what waits longer gets it."""
    await platform.faults(slow=1)
    assert (await posted(platform.url, 1)).json()["result"] == "1"
    with pytest.raises(httpx.ReadTimeout):
        await posted(platform.url, 2, patience=0.1)
    assert await numbers(platform) == ["1", "2"]


async def test_refusal_strikes_the_same_items_until_it_is_taken_away(platform):
    """Of every key the same is said again, so a re-send by hand succeeds only when the cause is gone."""
    await platform.faults(refuse=0.3)
    said = [[(await posted(platform.url, number)).json()["result"] for number in range(40)] for _ in range(2)]
    refused = [number for number, result in enumerate(said[0]) if result == "0"]
    assert 0 < len(refused) < 40
    assert refused == [number for number in refused if said[1][number] == "0"]
    assert set(await numbers(platform)) == {str(number) for number in range(40) if number not in refused}
    await platform.faults(refuse=0)
    for number in refused:
        assert (await posted(platform.url, number)).json()["result"] == "1"
    assert len(await numbers(platform)) == 40


async def test_chance_is_the_seeds(tmp_path):
    """Two platforms of one seed have the same faults in the same order."""
    fates = []
    for folder in ("one", "two"):
        async with province("zhejiang", tmp_path / folder, "--seed", 3) as running:
            await running.faults(error=0.3, html=0.3)
            fates.append([(await posted(running.url, number)).headers["content-type"] for number in range(20)])
    assert fates[0] == fates[1]
    assert len(set(fates[0])) == 2


async def test_records_can_be_deleted_altered_and_added(platform):
    """What a reconciliation has to find is done behind everybody's back."""
    for number in (1, 2):
        await posted(platform.url, number)
    assert await platform.tamper(delete="1|1|1") == "1|1|1"
    assert await platform.tamper(alter="2|1|1", satisfaction=1, pf="1") == "2|1|1"
    assert await platform.tamper(add={"kind": "rating", "projectNo": "3", "satisfaction": 4}) == "3|1|1"
    held = [(record["projectNo"], record["satisfaction"], record["pf"]) for record in await platform.records()]
    assert held == [("2", 1, "1"), ("3", 4, "")]
    assert await platform.counts() == {"rating": 2, "requests": 2, "repeats": 0}


@pytest.mark.parametrize(
    ("route", "body", "words"),
    [
        ("faults", {"flood": 0.1}, "There is no fault 'flood'"),
        ("faults", {"error": 1.5}, "must be a number from 0 to 1"),
        ("faults", "all", "Expected `object`"),
        ("tamper", {"delete": "1|1|1"}, "There is no record '1|1|1'"),
        ("tamper", {"alter": "1|1|1", "satisfaction": 5}, "There is no record '1|1|1'"),
        ("tamper", {"spoil": "1|1|1"}, "Tell what to do"),
        ("tamper", {"add": {"projectNo": "1"}}, "missing required field `kind`"),
    ],
)
async def test_wrong_order_is_explained(route, body, words, platform):
    """A typo in a fault's name would otherwise be a test that tests nothing."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(f"{platform.url}/-/{route}", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


async def test_unknown_control_route_names_the_others(platform):
    """Whoever guesses finds out what there is."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.get(f"{platform.url}/-/")
    assert (answer.status_code, "GET /-/records" in answer.json()["error"]) == (404, True)


async def test_every_request_is_written_down(platform):
    """Targets stand in requests.log: where a test looks for what must not be in a URL."""
    await platform.faults(error=1)
    await posted(platform.url, 1)
    (line,) = (platform.folder / "requests.log").read_text().splitlines()
    assert line.endswith(" error POST /report")


async def test_readme_names_every_fault_and_every_member(platform):
    """What is not described there is not found."""
    readme = (PROGRAMS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", readme[readme.index("## To torment it") :], re.MULTILINE)
    assert rows == list(await platform.faults())
    await posted(platform.url, 1)
    (held,) = await platform.records()
    assert {member for member in held if f"`{member}`" not in readme} == set()


SIMULATORS = sorted(file for file in PROGRAMS.glob("*.py") if '\nif __name__ == "__main__":' in file.read_text())


@pytest.mark.parametrize("file", SIMULATORS, ids=lambda file: file.stem)
def test_help_says_how_to_begin(file):
    """Every simulator explains itself."""
    shown = subprocess.run([sys.executable, file, "--help"], capture_output=True, text=True, check=True).stdout
    assert "/-/records" in shown
    assert "--data" in shown
