"""Settings are read once, and every fault is reported at once."""

import stat

import pytest

from haocha import settings
from haocha.settings import Keys, SettingsError, load


def test_without_variables_the_defaults_hold(tmp_path):
    """An empty environment is a working instance in its folder."""
    found = load(data=tmp_path, env={})
    assert (found.data, found.dsn, found.board, found.skew) == (tmp_path, None, "login", 600)
    assert found.weights == {5: 10.0, 4: 8.0, 3: 6.0, 2: 4.0, 1: 2.0}


def test_data_of_the_command_line_goes_before_the_environment(tmp_path):
    """--data is the nearer word."""
    assert load(data=tmp_path / "a", env={"HAOCHA_DATA": str(tmp_path / "b")}).data == tmp_path / "a"


def test_all_faults_are_reported_together(tmp_path):
    """Whoever sets up a machine mends the file once, not once per fault."""
    wrong = {
        "HAOCHA_DSN": "mysql://x",
        "HAOCHA_SKEW": "-1",
        "HAOCHA_BOARD": "open",
        "HAOCHA_WEIGHTS": "mine:1,2,3,4,5",
        "HAOCHA_RANK_MINIMUM": "0",
        "HAOCHA_QUEUE": "many",
        "HAOCHA_PROXIES": "300.1.1.1",
        "HAOCHA_SECURE_COOKIES": "yes",
        "HAOCHA_URL": "https://one https://two",
        "HAOCHA_WEBHOOK": "http://[gateway",
        "HAOCHA_WEBHOOK_SECRET": "short",
        "HAOCHA_KEYS": "{}",
        "HAOCHA_WEIGTHS": "typo",
    }
    with pytest.raises(SettingsError) as refused:
        load(data=tmp_path, env=wrong)
    assert sorted(fault.split()[0] for fault in refused.value.faults) == sorted(wrong)


def test_mistyped_variable_is_refused_by_name(tmp_path):
    """A typo must not silently mean the default."""
    with pytest.raises(SettingsError, match="HAOCHA_WEIGTHS is not a setting: did you mean HAOCHA_WEIGHTS"):
        load(data=tmp_path, env={"HAOCHA_WEIGTHS": "x"})


def test_keys_are_generated_once(tmp_path):
    """The first start makes keys for the owner's eyes only; later starts read them."""
    first = load(data=tmp_path, env={}).keys
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert load(data=tmp_path, env={}).keys == first
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_keys_of_the_environment_leave_no_file(tmp_path):
    """Where a secret store hands the keys over, nothing is written."""
    keys = Keys.generate()
    found = load(data=tmp_path, env={"HAOCHA_KEYS": keys.to_json().decode()})
    assert found.keys == keys
    assert list(tmp_path.iterdir()) == []


def test_broken_keys_file_is_named(tmp_path):
    """A damaged file is never replaced: the identities sealed under it would be lost."""
    (tmp_path / "keys.json").write_text('{"master": "c2hvcnQ=", "vault": {"1": "c2hvcnQ="}}')
    with pytest.raises(SettingsError, match=r"keys\.json must hold a master"):
        load(data=tmp_path, env={})


def test_derived_keys_differ_by_purpose():
    """A receipt's key cannot be used to forge a digest."""
    keys = Keys(master=bytes(32), vault={1: bytes(32)})
    derived = {keys.derive(purpose) for purpose in ("digest", "receipt", "session", "person", "text")}
    assert len(derived) == 5
    assert all(len(key) == 32 for key in derived)


def test_newest_vault_key_seals():
    """Rotation: old numbers open, the highest seals."""
    keys = Keys(master=bytes(32), vault={1: b"a" * 32, 3: b"c" * 32, 2: b"b" * 32})
    assert keys.sealing == (3, b"c" * 32)


def test_secrets_do_not_show(tmp_path):
    """A settings object in a traceback or a log line gives nothing away."""
    env = {
        "HAOCHA_DSN": "postgresql://haocha_app:hunter2@host/haocha",
        "HAOCHA_URL": "https://haocha.example/",
        "HAOCHA_WEBHOOK": "https://gateway.example/?token=hunter2",
        "HAOCHA_WEBHOOK_SECRET": "hunter2hunter2hunter2",
    }
    found = load(data=tmp_path, env=env)
    shown = f"{found!r} {found.keys!r}"
    assert "hunter2" not in shown
    assert repr(found.keys.master) not in shown


def test_webhook_needs_the_address_of_the_pages(tmp_path):
    """A message whose link leads nowhere is worse than none."""
    with pytest.raises(SettingsError, match="HAOCHA_WEBHOOK is set without HAOCHA_URL"):
        load(data=tmp_path, env={"HAOCHA_WEBHOOK": "https://gateway.example/"})


def test_webhooks_have_a_secret_of_their_own(tmp_path):
    """Deliveries are signed whether or not a secret was chosen; the chosen one goes before that of the keys."""
    env = {"HAOCHA_URL": "https://haocha.example/", "HAOCHA_WEBHOOK": "https://one.example/a https://two.example/b"}
    found = load(data=tmp_path, env=env)
    assert (found.url, found.webhooks) == (
        "https://haocha.example",
        ("https://one.example/a", "https://two.example/b"),
    )
    assert found.webhook_secret == found.keys.derive("webhook").hex().encode()
    chosen = load(data=tmp_path, env=env | {"HAOCHA_WEBHOOK_SECRET": "sixteen-characters"})
    assert chosen.webhook_secret == b"sixteen-characters"


def test_every_setting_is_in_the_operators_guide():
    """The table of docs/operations.md lists exactly the variables that are read, with their defaults."""
    guide = (settings.Path(__file__).parents[1] / "docs" / "operations.md").read_text()
    rows = [line.split("|") for line in guide.splitlines() if line.startswith("| `HAOCHA_")]
    listed = {row[1].strip(" `"): row[2].strip(" `").removeprefix("—") for row in rows}
    assert listed == settings.VARIABLES
