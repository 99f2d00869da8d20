"""Lists of indicators that come down: known to intake, shown on pages, told to whoever asks."""

import asyncio

from haocha.domain.indicators import Indicator, IndicatorsPublished, indicators_id
from haocha.store import events, log
from tests.web.handling import Loop
from tests.web.running import now


async def publish(site, version, *items):
    """Let a version come in, and wait until this process knows it."""
    fact = IndicatorsPublished(
        peer="province", version=version, items=items, at=now(), received_at=now(), digest=version
    )
    stream = indicators_id(site.context.install.namespace, "province", version)
    await log.append(site.pool, [log.Group((log.NewEvent(stream, 1, *events.encode(fact)),))])
    async with asyncio.timeout(5):
        while site.context.indicators.versions[-1].version != version:
            await asyncio.sleep(0.02)


async def test_new_code_is_known_to_intake(lone_site):
    """It flags nothing, its level is checked; one that was retired is flagged and kept."""
    key = await lone_site.key()
    before = await lone_site.rate(key, satisfaction=1, evalDetail=["116"])
    assert before.json()["flags"] == ["unknownIndicator"]
    await publish(lone_site, "2026-12", Indicator("116", "无故拒绝受理", 1), Indicator("115", "态度差", 1, used=False))
    assert (await lone_site.rate(key, satisfaction=1, evalDetail=["116"])).json()["flags"] == []
    assert (await lone_site.rate(key, satisfaction=1, evalDetail=["115"])).json()["flags"] == ["unknownIndicator"]
    refused = await lone_site.rate(key, satisfaction=2, evalDetail=["116"])
    assert refused.json()["errors"][0]["code"] == "indicator_level"


async def test_names_are_on_the_page_of_a_ticket(lone_site):
    """The page says what the code means, not the code."""
    await publish(lone_site, "2026-12", Indicator("116", "无故拒绝受理", 1))
    loop = await Loop.begin(lone_site)
    await loop.open(evalDetail=["116"])
    async with loop.browser("handler") as browser:
        page = await browser.get(loop.page)
    assert "无故拒绝受理" in page.text


async def test_list_is_public_in_the_form_of_the_national_service(lone_site):
    """Codes no longer used are in it, with the versions that it is made of."""
    await publish(lone_site, "2026-12", Indicator("116", "无故拒绝受理", 1, extra=True))
    answer = (await lone_site.client.get("/v1/indicators")).json()
    assert (answer["code"], answer["success"], answer["version"]) == ("0", "true", "2026-12")
    assert {one["normCode"]: one for one in answer["data"]}["116"] == {
        "normCode": "116",
        "normName": "无故拒绝受理",
        "starLevel": 1,
        "usingStatus": "true",
        "expandNorm": "true",
    }
    assert [one["usingStatus"] for one in answer["data"] if one["normCode"] == "101"] == ["false"]
    assert [(one["version"], one["peer"]) for one in answer["versions"]] == [("2020-08", ""), ("2026-12", "province")]
