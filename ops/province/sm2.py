"""The platform's side of SM2 (GM/T 0003.4): its keys, and what is enciphered to them.

Written from the standard and not taken from haocha, like all that checks here what haocha sends.
"""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from ecdsa.ellipticcurve import CurveFp, PointJacobi

P = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
N = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
CURVE = CurveFp(P, P - 3, 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93, 1)
G = PointJacobi(
    CURVE,
    0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
    1,
    N,
    generator=True,
)


class Unreadable(ValueError):
    """A cipher text does not open with this key."""


class Key:
    """A pair of keys in a file of its owner alone, made where it is missing."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            write(file, f"{secrets.randbelow(N - 2) + 1:064x}")
        self._number = int(file.read_text(encoding="ascii"), 16)
        self._point = G * self._number

    def public(self) -> str:
        """Return x and y in hex behind 04."""
        return "04" + self._point.to_affine().to_bytes("raw").hex()

    def open(self, cipher: str, *, hash_last: bool, marked: bool) -> bytes:
        """Decrypt a cipher text in hex: point, hash and text, or point, text and hash; raises `Unreadable`."""
        try:
            raw = bytes.fromhex(cipher)
        except ValueError:
            raise Unreadable from None
        if marked:
            mark, raw = raw[:1], raw[1:]
            if mark != b"\x04":
                raise Unreadable
        x, y, rest = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), raw[64:]
        if len(rest) <= 32 or max(x, y) >= P or not CURVE.contains_point(x, y):  # noqa: PLR2004 (the hash)
            raise Unreadable
        check, text = (rest[-32:], rest[:-32]) if hash_last else (rest[:32], rest[32:])
        shared = (PointJacobi(CURVE, x, y, 1, N) * self._number).to_affine().to_bytes("raw")
        message = _masked(text, shared)
        if _hash(shared[:32] + message + shared[32:]) != check:
            raise Unreadable
        return message

    def seal(self, message: bytes, *, hash_last: bool, marked: bool) -> str:
        """Encrypt for whoever holds this key; returns hex."""
        once = secrets.randbelow(N - 1) + 1
        shared = (self._point * once).to_affine().to_bytes("raw")
        text, check = _masked(message, shared), _hash(shared[:32] + message + shared[32:])
        point = (G * once).to_affine().to_bytes("raw")
        return (b"\x04" * marked + point + (text + check if hash_last else check + text)).hex()


def write(file: Path, text: str) -> None:
    """Write a file that nobody else can read."""
    file.touch(mode=0o600)
    file.write_text(text + "\n", encoding="utf-8")


def _hash(message: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(message)
    return digest.finalize()


def _masked(text: bytes, shared: bytes) -> bytes:
    begun = hashes.Hash(hashes.SM3())
    begun.update(shared)
    mask = bytearray()
    for number in range(1, len(text) // 32 + 2):
        block = begun.copy()
        block.update(number.to_bytes(4))
        mask += block.finalize()
    return (int.from_bytes(text) ^ int.from_bytes(mask[: len(text)])).to_bytes(len(text))
