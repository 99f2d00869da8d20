"""SQL files are read by section, and a definition changes when a statement does."""

from pathlib import Path

import pytest

from haocha.store import sql
from haocha.store.sql import SqlError

TEXT = """-- things: an example
-- section: events
-- a.happened:v1 b.happened:v1
-- c.happened:v1
-- section: schema
CREATE TABLE things (n int); -- one column
-- section: fold
INSERT INTO things SELECT 1;
-- section: fold
INSERT INTO things SELECT 2;
-- section: query first
SELECT '--  not a comment' FROM things;
-- section: query second
SELECT n FROM things;
"""


def sections(tmp_path: Path, text: str = TEXT) -> sql.Sections:
    """Write one file and read it."""
    path = tmp_path / "things.sql"
    path.write_text(text)
    return sql.load(path)


def test_sections_are_found_by_name_and_argument(tmp_path):
    """One section by its name, several in order, queries by their argument, topics as words."""
    found = sections(tmp_path)
    assert found["schema"].startswith("CREATE TABLE things")
    assert [text[-2:] for text in found.all("fold")] == ["1;", "2;"]
    assert list(found.named("query")) == ["first", "second"]
    assert found.words("events") == ("a.happened:v1", "b.happened:v1", "c.happened:v1")


def test_missing_or_ambiguous_section_is_named(tmp_path):
    """The message says which file and which section."""
    with pytest.raises(SqlError, match=r"things\.sql: expected one section 'fold', found 2"):
        sections(tmp_path)["fold"]


def test_same_query_twice_is_refused(tmp_path):
    """The second would hide the first."""
    with pytest.raises(SqlError, match="query first is there twice"):
        sections(tmp_path, TEXT.replace("query second", "query first"))


def test_definition_ignores_comments_and_spacing_only(tmp_path):
    """A rebuild costs hours: a better comment must not cause one, another statement must."""
    before = sections(tmp_path).definition("schema", "fold")
    assert sections(tmp_path, TEXT.replace(" -- one column", "\n\n")).definition("schema", "fold") == before
    assert sections(tmp_path, TEXT.replace("SELECT 2", "SELECT 3")).definition("schema", "fold") != before


def test_text_in_quotes_is_no_comment(tmp_path):
    """Two dashes inside quotes belong to the statement."""
    before = sections(tmp_path).definition("query")
    assert sections(tmp_path, TEXT.replace("not a comment", "something else")).definition("query") != before
