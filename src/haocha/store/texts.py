"""Free texts on their way into the log: what an event says of each, and the rows that go beside it."""

from uuid import UUID

from haocha.domain import ids
from haocha.domain.rating import TextReference
from haocha.store.log import Text
from haocha.store.vault import Vault


class Writings:
    """The texts of one decision on a stream; erasing `subject` erases them."""

    def __init__(self, vault: Vault, stream: UUID, subject: UUID | None = None) -> None:
        """Keep what is written on `stream`; without a `subject` the texts belong to the stream alone."""
        self._vault = vault
        self._stream = stream
        self._subject = subject or ids.subject_id(stream)
        self.texts: list[Text] = []

    def refer(self, version: int, member: str, body: str) -> TextReference:
        """Keep the text of event `version`, and return what the event says of it."""
        text = Text(ids.text_id(self._stream, member, version), self._subject, body)
        self.texts.append(text)
        return self._vault.refer(text)
