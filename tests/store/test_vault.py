"""The vault: sealed to its subject, found by person through a blind index, opened by old keys too."""

import os
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag

from haocha.domain import ids
from haocha.settings import Keys
from haocha.store import log, vault
from haocha.store.log import Group, Identity, NewEvent, Text
from haocha.store.vault import Vault

PERSON = {"userName": "张三", "certKey": "370102199001011234", "mobile": "13800001234"}


@pytest.fixture
def safe(keys):
    """Return a vault under the run's keys."""
    return Vault(keys)


def test_what_is_sealed_can_be_opened(safe):
    """The same subject, the same members."""
    subject = uuid4()
    row = safe.seal(subject, PERSON)
    assert (row.subject, row.key_no) == (subject, 1)
    assert safe.open(subject, row.sealed, row.key_no) == PERSON
    for value in PERSON.values():
        assert value.encode() not in row.sealed


def test_two_seals_of_one_person_look_unlike(safe):
    """A fresh nonce each time: equal rows would tell that it is the same person."""
    subject = uuid4()
    assert safe.seal(subject, PERSON).sealed != safe.seal(subject, PERSON).sealed


@pytest.mark.parametrize("place", [0, 5, 12, 30, -1])
def test_altered_row_does_not_open(safe, place):
    """One flipped bit anywhere."""
    subject = uuid4()
    sealed = bytearray(safe.seal(subject, PERSON).sealed)
    sealed[place] ^= 1
    with pytest.raises(InvalidTag):
        safe.open(subject, bytes(sealed), 1)


def test_row_of_another_subject_does_not_open(safe):
    """Rows cannot be moved from one rating to another."""
    row = safe.seal(uuid4(), PERSON)
    with pytest.raises(InvalidTag):
        safe.open(uuid4(), row.sealed, 1)


def test_new_key_seals_and_old_ones_open(keys, safe):
    """The highest number seals; what older keys sealed stays readable."""
    subject = uuid4()
    old = safe.seal(subject, PERSON)
    rotated = Vault(Keys(master=keys.master, vault=keys.vault | {2: os.urandom(32)}))
    assert rotated.seal(subject, PERSON).key_no == 2
    assert rotated.open(subject, old.sealed, old.key_no) == PERSON
    assert rotated.person(PERSON) == safe.person(PERSON)


def test_person_is_who_holds_the_certificate_else_the_phone(safe):
    """The blind index: the same however it is spaced or cased, another for anybody else, none for nobody."""
    by_certificate = safe.person({"certKey": "37010219900101123x"})
    assert by_certificate == safe.person({"certKey": " 3701 0219 9001 0112 3Ｘ", "mobile": "13900000000"})
    assert by_certificate != safe.person({"certKey": "370102199001011230"})
    assert safe.person({"mobile": "13800001234"}) == safe.person({"mobile": "138 0000 1234", "userName": "别名"})
    assert safe.person({"userName": "张三", "userPageType": "111"}) is None
    assert len(by_certificate) == 16


def test_person_needs_the_key(keys, safe):
    """Without the key nobody can try out numbers."""
    other = Vault(Keys(master=bytes(32), vault=keys.vault))
    assert other.person(PERSON) != safe.person(PERSON)


def test_reference_shows_a_rewriting(safe):
    """Length and keyed digest of the text, nothing of the text."""
    text = Text(uuid4(), uuid4(), "排队时间太长")
    reference = safe.refer(text)
    assert (reference.id, reference.length, len(reference.digest)) == (text.id, 6, 32)
    assert safe.refer(text._replace(body="排队时间不长")).digest != reference.digest


@pytest.mark.parametrize(
    ("member", "value", "shown"),
    [
        ("userName", "张三丰", "张**"),
        ("userName", "李", "李"),
        ("mobile", "13800001234", "138****1234"),
        ("certKey", "370102199001011234", "370***********1234"),
        ("mobile", "88881234", "********"),
        ("userPageType", "111", "***"),
        ("mobile", "", ""),
    ],
)
def test_masks(member, value, shown):
    """What others than the owner may see; of a short number nothing."""
    assert vault.masked(member, value) == shown


async def test_erasing_a_person(pool, safe):
    """All rows and texts of one person go, those of others stay, and the events still replay."""
    mine, also_mine, other = uuid4(), uuid4(), uuid4()
    for stream, person in ((mine, PERSON), (also_mine, PERSON | {"userName": "张 三"}), (other, {"mobile": "139"})):
        subject = ids.subject_id(stream)
        text = Text(ids.text_id(stream, "writingEvaluation"), subject, "很好")
        made = Group((NewEvent(stream, 1, "test.happened:v1", b"{}"),), (safe.seal(subject, person),), (text,))
        assert (await log.append(pool, [made]))[0].verdict == "ok"
    person = safe.person(PERSON)
    await pool.execute(
        "WITH gone AS (DELETE FROM private.vault WHERE person = $1 RETURNING subject)"
        " DELETE FROM private.texts USING gone WHERE texts.subject = gone.subject",
        person,
    )
    assert await safe.identity(pool, ids.subject_id(mine)) == {}
    assert await safe.identity(pool, ids.subject_id(other)) == {"mobile": "139"}
    texts = await vault.bodies(pool, [ids.text_id(stream, "writingEvaluation") for stream in (mine, also_mine, other)])
    assert texts == {ids.text_id(other, "writingEvaluation"): "很好"}
    assert await log.head(pool) == 3


def test_row_without_a_person_is_not_found_by_any(safe):
    """Who gave a name only cannot be linked to others."""
    row = safe.seal(uuid4(), {"userName": "张三"})
    assert isinstance(row, Identity)
    assert row.person is None
