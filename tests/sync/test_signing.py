"""Requests between two haochas: signed as a whole, fresh, and identities sealed for one stream."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.sync import signing

SECRET = b"a secret of two instances"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STREAM = UUID("00000000-0000-4000-8000-000000000001")
TARGET = "/v1/sync/ratings?day=2026-03-01&after=5"


def test_signature_is_the_documented_hmac():
    """Anybody can compute the signature from the documentation's one line."""
    headers = signing.sign(SECRET, "GET", TARGET, b"", NOW)
    at = str(int(NOW.timestamp()))
    signed = f"{at}\nGET\n{TARGET}\n{hashlib.sha256(b'').hexdigest()}"
    expected = {
        "X-Haocha-Time": at,
        "X-Haocha-Signature": hmac.new(SECRET, signed.encode(), "sha256").hexdigest(),
    }
    assert expected == headers


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_signed_request_is_believed_within_five_minutes(off):
    """The clocks of two instances may differ by five minutes; the names of headers come in any case."""
    headers = signing.sign(SECRET, "POST", TARGET, b"body", NOW)
    lower = {name.lower(): value for name, value in headers.items()}
    assert signing.verify(SECRET, "POST", TARGET, b"body", headers, NOW + timedelta(seconds=off))
    assert signing.verify(SECRET, "POST", TARGET, b"body", lower, NOW + timedelta(seconds=off))


@pytest.mark.parametrize("off", [-301, 301])
def test_old_request_is_not_believed(off):
    """What was recorded on the way cannot be sent again later."""
    headers = signing.sign(SECRET, "POST", TARGET, b"body", NOW)
    assert not signing.verify(SECRET, "POST", TARGET, b"body", headers, NOW + timedelta(seconds=off))


@pytest.mark.parametrize(
    ("secret", "method", "target", "body"),
    [
        (b"another", "POST", TARGET, b"body"),
        (SECRET, "GET", TARGET, b"body"),
        (SECRET, "POST", TARGET + "0", b"body"),
        (SECRET, "POST", TARGET, b"Body"),
    ],
)
def test_whatever_is_changed_is_noticed(secret, method, target, body):
    """Secret, method, target and body are all signed."""
    headers = signing.sign(SECRET, "POST", TARGET, b"body", NOW)
    assert not signing.verify(secret, method, target, body, headers, NOW)


def test_changed_time_is_noticed():
    """A late request cannot be made fresh by another time."""
    headers = signing.sign(SECRET, "POST", TARGET, b"body", NOW) | {signing.TIME: str(int(NOW.timestamp()) + 1)}
    assert not signing.verify(SECRET, "POST", TARGET, b"body", headers, NOW)


@pytest.mark.parametrize("time", ["", "-1", "²", "1e9", "9" * 5000, "now"])
@pytest.mark.parametrize("signature", ["", "zz", "签名"])
def test_headers_of_any_form_are_only_refused(time, signature):
    """No header makes the check fail in any other way than by saying no."""
    headers = {signing.TIME: time, signing.SIGNATURE: signature}
    assert not signing.verify(SECRET, "POST", TARGET, b"", headers, NOW)
    assert not signing.verify(SECRET, "POST", TARGET, b"", {}, NOW)


@given(st.dictionaries(st.text(), st.text()))
def test_identity_opens_for_its_stream(identity):
    """What was sealed comes out as it went in."""
    assert identity == signing.unseal(SECRET, STREAM, signing.seal(SECRET, STREAM, identity))


def test_sealed_identity_tells_nothing():
    """The name does not stand in what is sent, and the same identity looks different each time."""
    sealed = signing.seal(SECRET, STREAM, {"userName": "测试甲"})
    assert "测试甲".encode() not in base64.b64decode(sealed)
    assert sealed != signing.seal(SECRET, STREAM, {"userName": "测试甲"})


@pytest.mark.parametrize(
    ("secret", "stream", "change"),
    [
        (b"another", STREAM, str),
        (SECRET, UUID(int=2), str),
        (SECRET, STREAM, lambda sealed: sealed[:-8] + "AAAAAAA="),
        (SECRET, STREAM, lambda sealed: sealed[:8]),
        (SECRET, STREAM, lambda _: "not base64 封"),
        (SECRET, STREAM, lambda _: ""),
    ],
)
def test_identity_opens_for_nobody_else(secret, stream, change):
    """Another secret, another stream or a changed seal: refused by one exception."""
    sealed = signing.seal(SECRET, STREAM, {"mobile": "13900000000"})
    with pytest.raises(signing.Unsealable):
        signing.unseal(secret, stream, change(sealed))
