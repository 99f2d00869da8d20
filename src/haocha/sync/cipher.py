"""The national ciphers (国密) that platforms ask for: SM2 encryption, SM3 and SM4.

`cryptography` has SM3 and SM4 but no SM2 encryption, and no library at hand encrypts a whole record fast enough. So SM2
(GB/T 32918.4, GM/T 0003.4) is composed here of the point arithmetic of `ecdsa` and of SM3; only this part needs the
extra `sm2`. The arithmetic does not take the same time for every secret: enough for encrypting to a public key with a
number used once, and why signing is no part of this module.
"""

import secrets
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

POINT = 64  # bytes of x and y
HASH = 32
BLOCK = 16

Order = Literal["C1C3C2", "C1C2C3"]
"""Of the standard of 2012 and of older devices: C1 is a point, C2 the text, C3 its hash."""


class Form(NamedTuple):
    """How a cipher text is written: the order of its parts, and whether the point is marked by a leading 04."""

    order: Order = "C1C3C2"
    marked: bool = True


STANDARD = Form()


class Undecipherable(ValueError):
    """A cipher text was not made for this key, not in this form, or was altered."""


class Curve(NamedTuple):
    """Curve parameters: y² = x³ + ax + b over p, with a generator (x, y) of order n."""

    p: int
    a: int
    b: int
    n: int
    x: int
    y: int


SM2_CURVE = Curve(  # GM/T 0003.5
    p=0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF,
    a=0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFC,
    b=0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93,
    n=0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123,
    x=0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    y=0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)


@lru_cache(maxsize=4)
def _generator(curve: Curve) -> Any:
    """Return the generator as a point of `ecdsa`, which keeps a table of its doubles."""
    try:
        from ecdsa.ellipticcurve import CurveFp, PointJacobi  # noqa: PLC0415 (an extra: SM3 and SM4 do without)
    except ModuleNotFoundError as error:
        if error.name not in {"ecdsa", "ecdsa.ellipticcurve"}:
            raise
        raise ImportError("SM2 encryption needs two more packages: pip install 'haocha[sm2]'") from error
    field = CurveFp(curve.p, curve.a, curve.b, 1)
    return PointJacobi(field, curve.x, curve.y, 1, curve.n, generator=True)


def _point(encoded: bytes, curve: Curve, *, kept: bool) -> Any:
    """Return the point of x and y, with a table of its doubles if it is `kept`; raises ValueError where it is none."""
    generator = _generator(curve)
    x, y = int.from_bytes(encoded[:HASH]), int.from_bytes(encoded[HASH:])
    if max(x, y) >= curve.p or not generator.curve().contains_point(x, y):
        raise ValueError("not a point of the curve")
    return type(generator)(generator.curve(), x, y, 1, curve.n, generator=kept)


class PublicKey:
    """A platform's public key: encrypts to it. What can be computed once is."""

    def __init__(self, encoded: str, curve: Curve = SM2_CURVE) -> None:
        """Read x and y in hex, with or without the leading 04; raises ValueError where that is no public key."""
        try:
            raw = bytes.fromhex(encoded)
        except ValueError:
            raise ValueError("an SM2 public key is 128 hex digits, or 130 that begin with 04") from None
        if len(raw) == POINT + 1 and raw[0] == 4:  # noqa: PLR2004 (the mark)
            raw = raw[1:]
        if len(raw) != POINT:
            raise ValueError("an SM2 public key is 128 hex digits, or 130 that begin with 04")
        try:
            self._point = _point(raw, curve, kept=True)
        except ValueError:
            raise ValueError("the SM2 public key is not a point of the curve") from None
        self._curve = curve
        self._generator = _generator(curve)

    def encrypt(self, message: bytes, form: Form = STANDARD) -> bytes:
        """Encrypt any length but none."""
        return self._encrypt(message, form, _numbers(self._curve.n))

    def _encrypt(self, message: bytes, form: Form, numbers: Iterable[int]) -> bytes:
        """Encrypt with the first of `numbers` (k, each used once) that the standard allows for this message."""
        if not message:
            raise ValueError("SM2 encrypts no empty message")
        for k in numbers:
            shared = _coordinates(self._point * k)
            mask = _mask(shared, len(message))
            if any(mask):
                break
        else:
            raise ValueError("none of these numbers will do")
        point = _coordinates(self._generator * k)
        text = _xor(message, mask)
        check = sm3(shared[:HASH] + message + shared[HASH:])
        parts = (check, text) if form.order == "C1C3C2" else (text, check)
        return b"".join((b"\x04" if form.marked else b"", point, *parts))


class PrivateKey:
    """A private key: decrypts what was encrypted to its public key."""

    def __init__(self, number: int, curve: Curve = SM2_CURVE) -> None:
        """Take the key's number; raises ValueError where it is none."""
        if not 0 < number < curve.n - 1:
            raise ValueError("an SM2 private key is a number between 1 and the order of the curve")
        self._number = number
        self._curve = curve

    @classmethod
    def new(cls) -> "PrivateKey":
        """Make a key."""
        return cls(secrets.randbelow(SM2_CURVE.n - 2) + 1)

    @classmethod
    def read(cls, encoded: str) -> "PrivateKey":
        """Read a key of 64 hex digits."""
        try:
            return cls(int(encoded, 16))
        except ValueError:
            raise ValueError("an SM2 private key is 64 hex digits") from None

    def __repr__(self) -> str:
        return "PrivateKey(…)"

    def written(self) -> str:
        """Return the key in hex, for a file that is its owner's alone."""
        return f"{self._number:064x}"

    def public(self) -> str:
        """Return the public key in hex, marked by 04."""
        return "04" + _coordinates(_generator(self._curve) * self._number).hex()

    def decrypt(self, cipher: bytes, form: Form = STANDARD) -> bytes:
        """Decrypt what is written in `form`; raises `Undecipherable`."""
        if form.marked:
            if cipher[:1] != b"\x04":
                raise Undecipherable("the cipher text does not begin with 04")
            cipher = cipher[1:]
        if len(cipher) <= POINT + HASH:
            raise Undecipherable("the cipher text is too short")
        point, rest = cipher[:POINT], cipher[POINT:]
        check, text = (rest[:HASH], rest[HASH:]) if form.order == "C1C3C2" else (rest[-HASH:], rest[:-HASH])
        try:
            shared = _coordinates(_point(point, self._curve, kept=False) * self._number)
        except ValueError:
            raise Undecipherable("the cipher text does not begin with a point of the curve") from None
        mask = _mask(shared, len(text))
        message = _xor(text, mask)
        expected = sm3(shared[:HASH] + message + shared[HASH:])
        if not any(mask) or not secrets.compare_digest(check, expected):
            raise Undecipherable("the cipher text is not of this key, not of this order, or was altered")
        return message


def _numbers(order: int) -> Iterator[int]:
    while True:
        yield secrets.randbelow(order - 1) + 1


def _coordinates(point: Any) -> bytes:
    """Return x and y as 64 bytes."""
    coordinates: bytes = point.to_affine().to_bytes("raw")
    return coordinates


def _mask(shared: bytes, length: int) -> bytes:
    """Derive `length` bytes from a shared point, by the standard's KDF: the point is hashed once for all counters."""
    begun = hashes.Hash(hashes.SM3())
    begun.update(shared)
    parts: list[bytes] = []
    for counter in range(1, -(-length // HASH) + 1):
        block = begun.copy()
        block.update(counter.to_bytes(4))
        parts.append(block.finalize())
    return b"".join(parts)[:length]


def _xor(message: bytes, mask: bytes) -> bytes:
    return (int.from_bytes(message) ^ int.from_bytes(mask)).to_bytes(len(message))


def sm3(message: bytes) -> bytes:
    """Return the 32 bytes of SM3 (GM/T 0004)."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(message)
    return digest.finalize()


def _sm4(key: bytes, iv: bytes | None) -> "Cipher[modes.ECB] | Cipher[modes.CBC]":
    if iv is None:
        return Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305 (platforms ask for it)
    return Cipher(algorithms.SM4(key), modes.CBC(iv))


def sm4_encrypt(key: bytes, message: bytes, iv: bytes | None = None) -> bytes:
    """Encrypt with SM4 (GM/T 0002), padded by PKCS #7: in CBC with an `iv`, else in ECB. Both have 16 bytes."""
    padder = padding.PKCS7(BLOCK * 8).padder()
    encryptor = _sm4(key, iv).encryptor()
    return encryptor.update(padder.update(message) + padder.finalize()) + encryptor.finalize()


def sm4_decrypt(key: bytes, cipher: bytes, iv: bytes | None = None) -> bytes:
    """Decrypt what `sm4_encrypt` made; raises `Undecipherable`."""
    decryptor = _sm4(key, iv).decryptor()
    unpadder = padding.PKCS7(BLOCK * 8).unpadder()
    try:
        return unpadder.update(decryptor.update(cipher) + decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise Undecipherable("the cipher text is not of this key, or was altered") from error
