"""Erasing a person: what is personal goes, what happened stays, and every replay still passes."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from haocha.domain import ids
from haocha.domain.identity import IdentityDisclosed, IdentityErased, identity_id
from haocha.domain.ticket_events import Actor
from haocha.settings import Keys
from haocha.store import erasure, events, log, vault
from haocha.store.log import Group, NewEvent, Text
from haocha.store.vault import Vault

PERSON = {"userName": "张三", "certKey": "370102199001011234", "mobile": "13800001234"}
AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def safe(keys):
    """Return a vault under the run's keys."""
    return Vault(keys)


@pytest.fixture
def tell(pool, safe):
    """Return a function that lets somebody write something, and returns its subject."""

    async def tell(identity, *bodies):
        stream = uuid4()
        subject = ids.subject_id(stream)
        texts = tuple(Text(ids.text_id(stream, f"text{n}"), subject, body) for n, body in enumerate(bodies))
        identities = (safe.seal(subject, identity),) if identity else ()
        made = Group((NewEvent(stream, 1, "test.happened:v1", b"{}"),), identities, texts)
        assert (await log.append(pool, [made]))[0].verdict == "ok"
        return subject

    return tell


async def gone(pool, subject):
    """Return what the log says of an erased identity."""
    return [recorded.event for recorded in await log.read_stream(pool, identity_id(subject))]


async def test_all_of_one_person_goes_and_nothing_of_others(pool, safe, tell):
    """Found by the certificate, however it is written; an event per identity tells how much it was."""
    mine, again = await tell(PERSON, "很好", "我叫张三"), await tell({"certKey": "3701 0219 9001 0112 34"}, "还行")
    other, nobody = await tell({"certKey": "370102199001019999"}, "不错"), await tell({}, "匿名")
    found = await erasure.find(pool, safe, certificate=PERSON["certKey"])
    assert (set(found.subjects), found.texts) == ({mine, again}, 3)
    assert await erasure.erase(pool, found.subjects, by="ops", at=AT) == (2, 3)
    assert await safe.identity(pool, mine) == {}
    assert await safe.identity(pool, other) != {}
    left = {row["subject"] for row in await pool.fetch("SELECT subject FROM private.texts")}
    assert left == {other, nobody}
    assert await gone(pool, mine) == [IdentityErased(subject=mine, identities=1, texts=2, by="ops", at=AT)]
    assert await gone(pool, other) == []


async def test_phone_is_found_beside_a_certificate(pool, safe, tell):
    """The index knows the certificate only; a search by phone opens every identity."""
    with_certificate, alone = await tell(PERSON), await tell({"mobile": "138 0000 1234"})
    progress = []
    found = await erasure.find(
        pool, safe, mobile=PERSON["mobile"], advance=lambda done, of: progress.append((done, of))
    )
    assert set(found.subjects) == {with_certificate, alone}
    assert progress[-1] == (2, 2)


async def test_certificate_that_stands_second_is_found_thoroughly(pool, safe, tell):
    """A company's number beside the person's."""
    subject = await tell({"certKey": "1", "creditNum": "91370100MA3C0000X1"})
    assert (await erasure.find(pool, safe, certificate="91370100MA3C0000X1")).subjects == ()
    assert (await erasure.find(pool, safe, certificate="91370100MA3C0000X1", thorough=True)).subjects == (subject,)


async def test_erasing_twice_is_erasing_once(pool, safe, tell):
    """Nothing is left to find, and nothing more is told."""
    subject = await tell(PERSON, "很好")
    found = await erasure.find(pool, safe, certificate=PERSON["certKey"])
    await erasure.erase(pool, found.subjects, by="ops", at=AT)
    assert await erasure.erase(pool, found.subjects, by="ops", at=AT) == (0, 0)
    assert (await erasure.find(pool, safe, certificate=PERSON["certKey"])).subjects == ()
    assert len(await gone(pool, subject)) == 1


async def test_event_follows_what_the_stream_holds(pool, safe, tell):
    """Who was disclosed before he was erased has both on his stream."""
    subject = await tell(PERSON)
    seen = IdentityDisclosed(
        subject=subject,
        ticket=uuid4(),
        number="2026-1",
        by=Actor("wang", "12345", "agent"),
        purpose="review",
        fields=("mobile",),
        reason="call",
        at=AT,
    )
    await log.append(pool, [Group((NewEvent(identity_id(subject), 1, *events.encode(seen)),))])
    found = await erasure.find(pool, safe, certificate=PERSON["certKey"])
    await erasure.erase(pool, found.subjects, by="ops", at=AT)
    assert [type(event) for event in await gone(pool, subject)] == [IdentityDisclosed, IdentityErased]


async def test_many_go_in_slices(pool, safe, tell, monkeypatch):
    """Each slice is a transaction with its events; the bar moves."""
    monkeypatch.setattr(erasure, "SLICE", 2)
    monkeypatch.setattr(erasure, "PAGE", 2)
    subjects = {await tell(PERSON, "很好") for _ in range(5)}
    progress = []
    found = await erasure.find(pool, safe, mobile=PERSON["mobile"])
    assert set(found.subjects) == subjects
    erased = await erasure.erase(
        pool, found.subjects, by="ops", at=AT, advance=lambda done, of: progress.append((done, of))
    )
    assert (erased, progress) == ((5, 5), [(2, 5), (4, 5), (5, 5)])


async def test_what_cannot_be_told_is_not_deleted(pool, safe, tell, monkeypatch):
    """Rows and event go together or not at all."""
    subject = await tell(PERSON, "很好")

    async def fail(*_):
        raise ConnectionResetError

    monkeypatch.setattr(erasure.log, "append", fail)
    with pytest.raises(ConnectionResetError):
        await erasure.erase(pool, [subject], by="ops", at=AT)
    monkeypatch.undo()
    assert await safe.identity(pool, subject) == PERSON
    assert len(await vault.bodies(pool, [row["id"] for row in await pool.fetch("SELECT id FROM private.texts")])) == 1


async def test_missing_key_is_named(pool, keys, tell):
    """What cannot be opened may be the person's: that is no clean end."""
    await tell(PERSON)
    other = Vault(Keys(master=keys.master, vault={2: bytes(32)}))
    with pytest.raises(erasure.KeyMissing, match="vault key 1"):
        await erasure.find(pool, other, mobile=PERSON["mobile"])
