"""Evidence over HTTP: who may bring a file, what is refused, and who is shown it with which headers."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from haocha.store import evidence
from tests import people
from tests.web.handling import Loop

JPEG = b"\xff\xd8\xff\xe0" + b"0" * 60
PNG = b"\x89PNG\r\n\x1a\n" + b"1" * 64
PDF = b"%PDF-1.7\n" + b"2" * 64


@pytest.fixture(scope="module")
async def loop(site):
    """Return a loop of its own with people of every kind."""
    return await Loop.begin(site)


async def bring(loop, who, body=JPEG, **more):
    """Post a file as one of the people."""
    return await loop.site.client.post("/v1/evidence", content=body, headers=loop.people[who].headers, **more)


@pytest.mark.parametrize("who", ["handler", "supervisor", "reviewer", "agent", "inspector"])
async def test_who_works_on_tickets_brings_files(loop, who):
    """201 with what was found; the same file again is 200, whoever brings it."""
    body = PNG + who.encode()
    first, again = await bring(loop, who, body), await bring(loop, "supervisor", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {"digest": evidence.digest(body), "mediaType": "image/png", "size": len(body)}


@pytest.mark.parametrize("who", ["leader", "auditor", "admin"])
async def test_who_only_reads_brings_nothing(loop, who):
    """403, and a machine's key is no person either."""
    assert (await bring(loop, who)).status_code == 403
    key = await loop.site.key()
    assert (await loop.site.client.post("/v1/evidence", content=JPEG, headers=key)).status_code == 403
    assert (await loop.site.client.post("/v1/evidence", content=JPEG)).status_code == 401


async def test_form_with_one_file_will_do(loop):
    """Multipart, as a form or curl -F sends it; none or two are refused."""
    url, headers = "/v1/evidence", loop.people["agent"].headers
    body = JPEG + b"form"
    sent = await loop.site.client.post(url, files={"file": ("a.jpg", body, "text/html")}, headers=headers)
    assert sent.status_code == 201
    assert sent.json()["mediaType"] == "image/jpeg"
    two = [("file", ("a.jpg", body, "image/jpeg")), ("file", ("b.jpg", body, "image/jpeg"))]
    refused = await loop.site.client.post(url, files=two, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "one_file")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "evidence_empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "evidence_type"),
        (b"<!doctype html>", 415, "evidence_type"),
        (PNG.ljust(evidence.LARGEST + 1, b"0"), 413, "evidence_too_large"),
        (PNG.ljust(evidence.LARGEST + 200_000, b"0"), 413, "evidence_too_large"),
    ],
)
async def test_what_is_not_evidence_is_refused(loop, body, status, code):
    """With the reason, whatever the sender calls it, and nothing is kept."""
    before = await loop.site.pool.fetchval("SELECT count(*) FROM private.evidence")
    answer = await loop.site.client.post(
        "/v1/evidence", content=body, headers=loop.people["handler"].headers | {"Content-Type": "image/png"}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert before == await loop.site.pool.fetchval("SELECT count(*) FROM private.evidence")


async def test_nobody_fills_the_disk(loop, monkeypatch):
    """Files of one account are limited per minute; others' are not."""
    monkeypatch.setattr("haocha.web.evidence.PER_MINUTE", 2)
    answers = [await bring(loop, "colleague", JPEG + bytes([n])) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert (await bring(loop, "reviewer", JPEG + b"other")).status_code == 201


async def test_largest_file_is_taken(loop):
    """Ten megabytes: more than any other route lets in."""
    answer = await bring(loop, "handler", PNG.ljust(evidence.LARGEST, b"9"))
    assert answer.status_code == 201


async def test_session_needs_the_token_of_its_pages(loop):
    """Another site cannot have a browser bring a file."""
    async with loop.browser("handler") as browser:
        assert (await browser.post("/v1/evidence", content=JPEG)).status_code == 403
        csrf = people.csrf_of(await browser.get("/account"))
        sent = await browser.post("/v1/evidence", content=JPEG + b"session", headers={"X-CSRF-Token": csrf})
        assert sent.status_code == 201


@pytest.fixture
async def ticket(loop):
    """Return a ticket whose fix shows a photo and a document."""
    await loop.open()
    pieces = [await evidence.keep(loop.site.pool, body, by="test", at=datetime.now(UTC)) for body in (JPEG, PDF)]
    await loop.until("fixing")
    await loop.done(
        "handler", "fix", measures="已整改", responsible="7", evidence=[{"digest": p.digest} for p in pieces]
    )
    return loop


async def shown(loop, who, body, ticket_id=None):
    """Ask for a file of a ticket as one of the people."""
    address = f"/v1/tickets/{ticket_id or loop.id}/evidence/{evidence.digest(body)}"
    return await loop.site.client.get(address, headers=loop.people[who].headers)


async def test_who_sees_the_ticket_sees_its_evidence(ticket):
    """Byte for byte, as what was sniffed, with headers under which nothing in it can run."""
    photo, document = await shown(ticket, "supervisor", JPEG), await shown(ticket, "leader", PDF)
    assert (photo.status_code, photo.content) == (200, JPEG)
    assert photo.headers["content-type"] == "image/jpeg"
    assert photo.headers["content-disposition"].startswith("inline")
    assert photo.headers["x-content-type-options"] == "nosniff"
    assert photo.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert photo.headers["cache-control"] == "private, no-cache"
    assert (document.status_code, document.content) == (200, PDF)
    assert document.headers["content-type"] == "application/pdf"
    assert document.headers["content-disposition"].startswith("attachment")


async def test_nobody_else_does(ticket):
    """404 for another unit, and for a file that no event of this ticket refers to; the log-in for nobody."""
    assert (await shown(ticket, "stranger", JPEG)).status_code == 404
    assert (await shown(ticket, "admin", JPEG)).status_code == 403
    loose = await evidence.keep(ticket.site.pool, PNG + b"loose", by="test", at=datetime.now(UTC))
    address = f"/v1/tickets/{ticket.id}/evidence/{loose.digest}"
    assert (await ticket.site.client.get(address, headers=ticket.people["supervisor"].headers)).status_code == 404
    assert (await shown(ticket, "supervisor", JPEG, uuid4())).status_code == 404
    assert (await ticket.site.client.get(f"/v1/tickets/{ticket.id}/evidence/{'0' * 64}")).status_code == 401


async def test_browser_that_has_a_file_asks_whether_it_may_still_show_it(ticket):
    """Unchanged for who sees the ticket, not there for anybody else."""
    tag = (await shown(ticket, "supervisor", JPEG)).headers["etag"]
    address = f"/v1/tickets/{ticket.id}/evidence/{evidence.digest(JPEG)}"
    answers = {
        who: await ticket.site.client.get(address, headers=ticket.people[who].headers | {"If-None-Match": tag})
        for who in ("supervisor", "stranger", "admin")
    }
    assert [answer.status_code for answer in answers.values()] == [304, 404, 403]
    unchanged = answers["supervisor"]
    assert (unchanged.content, unchanged.headers["cache-control"]) == (b"", "private, no-cache")


async def test_file_of_another_ticket_is_not_shown_here(ticket):
    """Who sees one ticket does not see another's files through it."""
    first = ticket.id
    await ticket.open()
    assert (await shown(ticket, "supervisor", JPEG)).status_code == 404
    assert (await shown(ticket, "supervisor", JPEG, first)).status_code == 200
