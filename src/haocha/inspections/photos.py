"""Photos that come with findings: files of a folder or a zip by their names, or kept already, by their digest."""

import re
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from haocha.store.evidence import LARGEST

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SEPARATORS: Final = re.compile("[;\n\uff1b]+")
MOST: Final = 6
MOST_FILES: Final = 5_000
"""Of one zip."""


class Unreadable(Exception):
    """The photos cannot be read: neither a folder nor a zip of a sensible number of files."""


class Photos(Protocol):
    """Where files are looked up by name."""

    def body(self, name: str) -> bytes | None:
        """Return a file, at most one byte more than is taken; None where there is no such file."""


class Nowhere:
    """No photos came."""

    def body(self, _name: str) -> bytes | None:
        """Return nothing."""
        return None


class Folder:
    """The files of one folder; names do not lead out of it."""

    def __init__(self, path: Path) -> None:
        self._files = {file.name: file for file in path.iterdir() if file.is_file()}

    def body(self, name: str) -> bytes | None:
        """Return a file of the folder."""
        file = self._files.get(name)
        if file is None:
            return None
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)


class Zip:
    """The files of a zip by their last names, wherever in it they lie; never unpacked further than one is asked for.

    Where `most` is given, all of them together may be so many bytes at most.
    """

    def __init__(self, source: Path | BinaryIO, most: int | None = None) -> None:
        try:
            self._zip = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, OSError) as error:
            raise Unreadable(f"The photos are no readable zip ({error}).") from None
        if len(self._zip.infolist()) > MOST_FILES:
            raise Unreadable(f"The zip has more than {MOST_FILES} files: split it.")
        if most is not None and sum(info.file_size for info in self._zip.infolist()) > most:
            raise Unreadable(f"The photos are more than {most} bytes: split the zip.")
        self._files = {_name(info): info for info in self._zip.infolist() if not info.is_dir()}

    def body(self, name: str) -> bytes | None:
        """Return a file of the zip; one that is damaged is empty."""
        info = self._files.get(name)
        if info is None:
            return None
        try:
            with self._zip.open(info) as opened:
                return opened.read(LARGEST + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError):
            return b""


def _name(info: zipfile.ZipInfo) -> str:
    """Return a file's name; programs that know no Unicode flag write GBK, which zipfile reads as cp437."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("gb18030")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/").rpartition("/")[2]


def opened(path: Path) -> Photos:
    """Open a folder or a zip; raises `Unreadable`."""
    return Folder(path) if path.is_dir() else Zip(path)


def names(cell: str) -> list[str]:
    """Return the file names or digests of a cell, each once."""
    return list(dict.fromkeys(name.strip() for name in SEPARATORS.split(cell) if name.strip()))
