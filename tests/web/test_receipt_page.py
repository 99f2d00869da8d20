"""The citizen's receipt page: in, unchanged, what became of it; and what is wrong with a code that was copied badly."""

import pytest

from tests.site import site


@pytest.fixture
async def public(settings, dsn, pool):
    """Serve a public board; receipts are public in any case."""
    async with site(settings, dsn, pool, board="public") as running:
        yield running


async def test_receipt_tells_matter_level_state_and_seal_and_nothing_personal(public):
    """However the code is typed; neither the writer nor the text nor the staff is on the page."""
    answer = await public.rate(4, writingEvaluation="很好，我叫王小明", userName="王小明", isAnonymity="2")
    code = answer.json()["receipt"]
    for typed in (code, code.lower().replace("-", " "), f" {code} "):
        page = await public.client.get("/receipts", params={"code": typed}, follow_redirects=True)
        assert page.status_code == 200
        for shown in ("您的评价在，未被改动", "企业设立登记", "满意", "已计入得分", code):
            assert shown in page.text
        for hidden in ("王小明", "很好", "林知远"):
            assert hidden not in page.text
    seal = (await public.client.get("/v1/log")).json()["seal"]
    assert seal in page.text


async def test_mistyped_code_is_told_from_an_unknown_one(public):
    """A slip of one character is explained; the form keeps what was typed."""
    code = (await public.rate(5)).json()["receipt"]
    slip = code[:-1] + ("0" if code[-1] != "0" else "1")
    page = await public.client.get(f"/receipts/{slip}")
    assert (page.status_code, "抄写有误" in page.text) == (404, True)
    assert f'value="{slip}"' in page.text


async def test_typed_markup_stays_text(public):
    """What was typed comes back as text only."""
    page = await public.client.get("/receipts", params={"code": '"><script>alert(1)</script>'}, follow_redirects=True)
    assert page.status_code == 404
    assert "<script>alert" not in page.text


async def test_guessing_codes_is_limited(public):
    """Receipts are public, so the rate is bounded; the answer is a page."""
    public.context.public_limits._per_minute = 5
    answers = [await public.client.get("/receipts/AAAA", headers={"Accept": "text/html"}) for _ in range(9)]
    assert answers[-1].status_code == 429
    assert "retry-after" in answers[-1].headers
    assert "<h1>" in answers[-1].text
