"""docs/sync.md: its examples are taken; every option, state, alarm and metric is there, thresholds as they are."""

import ast
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from prometheus_client import REGISTRY

from haocha import peers
from haocha.cli import main
from haocha.engine import pace
from haocha.store import sync_figures
from haocha.sync import alarms
from haocha.sync.dialect import dialect_of
from haocha.web import sync_metrics, sync_words

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "sync.md").read_text(encoding="utf-8")
SOURCES = ROOT / "src" / "haocha"
TOML = re.compile(r"^```toml\n(\[\[peer\]\].*?)^```$", re.MULTILINE | re.DOTALL)
DIALECTS = ("shandong", "fujian", "zhejiang", "haocha")
# GM/T 0003.5, the example's key.
PUBLIC_KEY = (
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)


def read_members(of: str) -> set[str]:
    """Return the names with which `.option(…)` or `.secret(…)` of a peer is called in the sources."""
    found = set()
    for path in (*(SOURCES / "sync").glob("*.py"), SOURCES / "engine" / "orders.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == of:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def rows(heading: str) -> dict[str, str]:
    """Return the first column of the table below a heading, without its backticks, and the rest of each row."""
    part = GUIDE[GUIDE.index(f"\n## {heading}\n") :]
    part = part[: part.index("\n## ", 1)] if "\n## " in part[1:] else part
    cells = [line.strip("|").split(" | ", 1) for line in part.splitlines() if line.startswith("| `")]
    return {name.strip().strip("`"): rest for name, rest in cells}


@pytest.mark.parametrize("number", range(5))
def test_example_is_taken(number, tmp_path):
    """Loaded as it stands, with its secrets where it says they are; the dialect takes its options."""
    example = TOML.findall(GUIDE)[number]
    file = tmp_path / "sync.toml"
    file.write_text(example, encoding="utf-8")
    env = dict.fromkeys(re.findall(r'env = "(\w+)"', example), "a secret word")
    for name in re.findall(r'file = "([\w.]+)"', example):
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(PUBLIC_KEY)
    (peer,), faults = peers.load(file, env)
    assert faults == []
    assert dialect_of(peer).name == peer.dialect


def test_there_is_an_example_of_every_dialect():
    """And one of the general members."""
    examples = TOML.findall(GUIDE)
    assert len(examples) == 5
    assert {msgspec.toml.decode(example)["peer"][0]["dialect"] for example in examples} == set(DIALECTS)


@pytest.mark.parametrize("of", ["option", "secret"])
def test_every_option_and_secret_is_told(of):
    """By name, in backticks."""
    names = read_members(of)
    assert len(names) > 3
    assert {name for name in names if f"`{name}`" not in GUIDE} == set()


def test_members_of_a_peer_are_told_with_their_defaults():
    """All that sync.toml may hold, and no others."""
    told = rows("sync.toml")
    fields = {field.name: field for field in msgspec.structs.fields(peers._Written)}
    assert set(told) == set(fields)
    for name, field in fields.items():
        if isinstance(field.default, int | float):
            assert told[name].startswith(f"`{field.default}` | "), name


def test_states_and_alarms_are_told():
    """Each with what the page calls it."""
    states = rows("States")
    assert set(states) == set(sync_figures.STATES)
    assert all(rest.startswith(sync_words.STATES[state]) for state, rest in states.items())
    assert set(rows("What is wrong")) == set(alarms.ALARMS)


def test_thresholds_are_those_used():
    """The numbers in the text are the constants'."""
    told = rows("What is wrong")
    assert f"more than {alarms.FACTOR:g} times" in told["late"]
    assert f"{alarms.MARGIN.seconds} seconds more" in told["late"]
    assert f"{sync_figures.SAMPLE:,}" in told["late"]
    assert f"fewer than {alarms.LEAST} reports" in told["late"]
    assert f"{alarms.PENDING_MARGIN.seconds // 60} minutes more" in told["waiting"]
    assert f"{alarms.SILENT.seconds // 60} minutes" in told["silent"]
    assert alarms.UNHEARD.seconds == 3600
    assert "for an hour" in told["unheard"]
    assert f"After {pace.TOLERATED} calls in a row" in GUIDE
    assert f"{pace.FIRST_PAUSE.seconds} seconds at first, up to {pace.LONGEST_PAUSE.seconds // 60} minutes" in GUIDE
    assert f"at most {sync_metrics.SECONDS:g} seconds old" in GUIDE


def test_metrics_are_told():
    """By the names that Prometheus sees, and no others."""
    families = [family for family in REGISTRY.collect() if family.name.startswith("haocha_sync_")]
    shown = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert {name for name in rows("Metrics") if name.startswith("haocha_sync_")} == shown


def test_commands_are_there():
    """Each line of the guide names a command and options that it has."""
    lines = re.findall(r"^haocha (sync [^#\n]+)", GUIDE, re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        _, command, *rest = line.split()
        shown = CliRunner().invoke(main, ["sync", command, "--help"]).output
        assert "Usage" in shown, line
        assert all(option in shown for option in rest if option.startswith("--")), line
