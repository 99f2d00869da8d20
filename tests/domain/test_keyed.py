"""The keyed digest is HMAC-SHA-256 and nothing else."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from haocha.domain import keyed


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_digest_is_the_librarys(key, message):
    """Keys shorter than, as long as and longer than a block; any message."""
    assert keyed.digest(key, message) == hmac.digest(key, message, hashlib.sha256)
