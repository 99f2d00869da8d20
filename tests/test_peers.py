"""Peers as sync.toml names them."""

import os
from datetime import date, timedelta

import pytest

from haocha import peers
from haocha.commands.options import load_settings

PEER = """
[[peer]]
name = "province"
dialect = "zhejiang"
url = "https://hcp.example.gov.cn/api/"
since = 2026-01-01
areas = ["9901"]
wait_hours = 48
adjust_minutes = 3
options = { dataSource = "133" }
secrets = { app_word = { env = "APP_WORD" }, key = { file = "key.txt" } }
districts = { "990182" = "990112" }
"""


@pytest.fixture
def file(tmp_path):
    """Return a file of one good peer, and its key beside it."""
    (tmp_path / "key.txt").write_text("s3cr3t-in-a-file\n")
    (tmp_path / "key.txt").chmod(0o600)
    path = tmp_path / "sync.toml"
    path.write_text(PEER)
    return path


def test_peer_is_read_with_its_secrets_from_where_they_are(file):
    """The slash at the end of the address is dropped."""
    (peer,), faults = peers.load(file, {"APP_WORD": "word"})
    assert faults == []
    assert (peer.name, peer.url, peer.since) == ("province", "https://hcp.example.gov.cn/api", date(2026, 1, 1))
    assert (peer.wait, peer.adjust) == (timedelta(hours=48), timedelta(minutes=3))
    assert peer.secrets == {"app_word": "word", "key": "s3cr3t-in-a-file"}
    assert peer.districts == {"990182": "990112"}


def test_peer_shows_no_secret(file):
    """Neither as text nor within what shows its settings."""
    (peer,), _ = peers.load(file, {"APP_WORD": "word"})
    assert repr(peer) == "Peer(name='province', dialect='zhejiang')"


def test_area_goes_by_the_name_that_it_has_there():
    """Of merged districts the longest match counts; others keep theirs."""
    peer = peers.Peer(name="p", dialect="d", url="", districts={"9901": "9902", "990182": "990112"})
    assert [peer.there(area) for area in ("990182003000", "990101000000", "980101000000", "")] == [
        "990112003000",
        "990201000000",
        "980101000000",
        "",
    ]


def test_no_file_names_no_peer(tmp_path):
    """Nothing is reported where nobody is named."""
    assert peers.load(tmp_path / "sync.toml", {}) == ((), [])


def test_all_faults_are_told_at_once(file):
    """With the peer, and what to do."""
    (file.parent / "key.txt").chmod(0o644)
    file.write_text(PEER.replace("https://hcp", "ftp://hcp") + PEER.replace('dialect = "zhejiang"\n', "") + "[more]\n")
    found, faults = peers.load(file, {})
    assert found == ()
    said = "\n".join(faults)
    for part in (
        "more is not known here",
        "peer province: secret app_word: the environment variable APP_WORD is not set",
        f"run chmod 600 {file.parent / 'key.txt'}",
        "url must be an address",
        "peer 2: Object missing required field `dialect`",
    ):
        assert part in said


def test_secret_in_the_address_is_refused(file):
    """It would stand in errors and on the wire."""
    file.write_text(PEER.replace("https://hcp", "https://city:geheim@hcp"))
    _, (fault,) = peers.load(file, {"APP_WORD": "word"})
    assert "without a user or password" in fault
    assert "geheim" not in fault


def test_one_bracket_too_few_is_told(file):
    """A table is no list of tables."""
    file.write_text(PEER.replace("[[peer]]", "[peer]"))
    assert peers.load(file, {})[1] == [f"{file}: peers are [[peer]] tables, with two brackets"]


def test_secret_in_plain_text_is_refused(file):
    """A secret is never written into the file."""
    file.write_text(PEER.replace('{ env = "APP_WORD" }', '"word"'))
    _, (fault,) = peers.load(file, {})
    assert "Expected `object`, got `str`" in fault
    assert "word" not in fault.rpartition(":")[2]


def test_unknown_dialect_ends_a_command_with_what_is_there(tmp_path, monkeypatch):
    """Before anything starts."""
    (tmp_path / "sync.toml").write_text('[[peer]]\nname = "p"\ndialect = "nowhere"\nurl = "http://localhost"\n')
    for name in [name for name in os.environ if name.startswith("HAOCHA_")]:
        monkeypatch.delenv(name)
    with pytest.raises(Exception, match="dialect nowhere is not known"):
        load_settings(tmp_path)


@pytest.mark.parametrize(("default", "message"), [(3, "option batch must be int"), ("", "option batch must be str")])
def test_option_of_another_type_is_named(default, message):
    """A dialect asks with its default, whose type the option must have."""
    peer = peers.Peer(name="p", dialect="d", url="http://localhost", options={"batch": 1.5})
    with pytest.raises(ValueError, match=message):
        peer.option("batch", default)
