"""SQL as data: reads `.sql` files made of named sections, and finds the folders they are in.

A section begins with a line `-- section: NAME [ARGUMENT]` and ends where the next begins; what stands before the first
section says what the file is.
"""

import hashlib
import re
from pathlib import Path
from typing import Literal, NamedTuple

import haocha

HEADING = re.compile(r"^-- section: +(?P<name>\w+)(?: +(?P<argument>\S+))?[ \t]*$", re.MULTILINE)
COMMENTS = re.compile(r"""(?P<kept>'(?:[^']|'')*'|"[^"]*")|--[^\n]*|/\*.*?\*/""", re.DOTALL)
SPACING = re.compile(r"""(?P<kept>'(?:[^']|'')*'|"[^"]*")|\s+""", re.DOTALL)


class SqlError(Exception):
    """A `.sql` file does not hold what is asked of it."""


class Section(NamedTuple):
    """One section: `-- section: NAME [ARGUMENT]` and the text below it."""

    name: str
    argument: str
    text: str


class Sections:
    """The sections of one file, in its order."""

    def __init__(self, path: Path, sections: tuple[Section, ...]) -> None:
        self.path = path
        self.sections = sections

    def __getitem__(self, name: str) -> str:
        """Return the one section of that name; raise SqlError where there is none or more than one."""
        found = self.all(name)
        if len(found) != 1:
            raise SqlError(f"{self.path}: expected one section {name!r}, found {len(found)}.")
        return found[0]

    def all(self, name: str) -> tuple[str, ...]:
        """Return all sections of that name, in the order of the file."""
        return tuple(section.text for section in self.sections if section.name == name)

    def named(self, name: str) -> dict[str, str]:
        """Return the sections of that name by their argument, such as `query by_window`."""
        return {section.argument: section.text for section in self.sections if section.name == name}

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a section that is all comment, such as the topics of `events`."""
        return tuple(word for line in self[name].splitlines() for word in line.removeprefix("--").split())

    def definition(self, *names: str) -> bytes:
        """Return the SHA-256 of those sections without comments and spacing: it changes when a statement does."""
        chosen = [section for section in self.sections if section.name in names]
        text = "\x1e".join(f"{section.name} {section.argument}\x1f{_plain(section.text)}" for section in chosen)
        return hashlib.sha256(text.encode()).digest()


def load(path: Path) -> Sections:
    """Read one file of sections; refuse one where two sections have the same name and argument of a named kind."""
    text = path.read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    sections = tuple(
        Section(heading["name"], heading["argument"] or "", text[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    )
    named = [(section.name, section.argument) for section in sections if section.argument]
    for name, argument in named:
        if named.count((name, argument)) > 1:
            raise SqlError(f"{path}: section {name} {argument} is there twice.")
    return Sections(path, sections)


def folder(name: Literal["projections", "migrations"]) -> Path:
    """Return the folder of `.sql` files: packaged beside this code, else at the repository's root."""
    package = Path(haocha.__file__).parent
    packaged = package / name
    return packaged if packaged.is_dir() else package.parents[1] / name


def _plain(text: str) -> str:
    """Drop comments and make every spacing one blank, but not inside quotes."""
    bare = COMMENTS.sub(lambda match: match["kept"] or " ", text)
    return SPACING.sub(lambda match: match["kept"] or " ", bare).strip()
