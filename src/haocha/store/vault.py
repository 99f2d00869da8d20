"""The vault: identities as AES-256-GCM rows, found by person through a keyed blind index; free texts beside them."""

import os
import unicodedata
from uuid import UUID

import asyncpg
import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from haocha.domain import keyed
from haocha.domain.rating import TextReference
from haocha.settings import Keys
from haocha.store.log import Identity, Text

NONCE_BYTES = 12
LONG_NUMBER = 11  # characters of which seven may be shown: 138****1234
PERSON_MEMBERS = ("certKey", "certkeyGOV", "creditNum", "mobile")
"""A person is who holds the certificate, else the phone."""


class Vault:
    """Seals and opens identities, and digests texts, under the instance's keys."""

    def __init__(self, keys: Keys) -> None:
        """Derive what is needed once."""
        self._number, sealing = keys.sealing
        self._ciphers = {number: AESGCM(key) for number, key in keys.vault.items()}
        self._cipher = AESGCM(sealing)
        self._person = keys.derive("person")
        self._text = keys.derive("text")

    def seal(self, subject: UUID, identity: dict[str, str]) -> Identity:
        """Seal `identity` (wire member → value) for the vault."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(identity), subject.bytes)
        return Identity(subject, sealed, self._number, self.person(identity))

    def person(self, identity: dict[str, str]) -> bytes | None:
        """Return the blind index of who this is, None where nothing identifies him."""
        for member in PERSON_MEMBERS:
            if value := identity.get(member):
                plain = "".join(unicodedata.normalize("NFKC", value).split()).upper()
                return keyed.digest(self._person, plain.encode())[:16]
        return None

    def open(self, subject: UUID, sealed: bytes, number: int) -> dict[str, str]:
        """Open a row of the vault."""
        nonce, cipher_text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        identity: dict[str, str] = msgspec.json.decode(
            self._ciphers[number].decrypt(nonce, cipher_text, subject.bytes), type=dict[str, str]
        )
        return identity

    def refer(self, text: Text) -> TextReference:
        """Return what the event says of `text`."""
        tag = keyed.digest(self._text, text.body.encode())
        return TextReference(text.id, len(text.body), tag[:16].hex())

    async def identity(self, connection: asyncpg.Connection | asyncpg.Pool, subject: UUID) -> dict[str, str]:
        """Read and open the identity of `subject`; empty where none was given or it was erased."""
        row = await connection.fetchrow("SELECT sealed, key_no FROM private.vault WHERE subject = $1", subject)
        return {} if row is None else self.open(subject, row["sealed"], row["key_no"])


async def bodies(connection: asyncpg.Connection | asyncpg.Pool, ids: list[UUID]) -> dict[UUID, str]:
    """Return the texts that are still there."""
    return {
        row["id"]: row["body"]
        for row in await connection.fetch("SELECT id, body FROM private.texts WHERE id = ANY($1)", ids)
    }


def masked(member: str, value: str) -> str:
    """Return an identity member as people other than its owner may see it."""
    if member == "userName":
        return value[:1] + "*" * (len(value) - 1)
    if len(value) >= LONG_NUMBER:
        return value[:3] + "*" * (len(value) - 7) + value[-4:]
    return "*" * len(value)
