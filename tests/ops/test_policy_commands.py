"""`haocha policy` and `haocha calendar` as an operator types them, on one instance, in the order of the tests."""

import json
import os
import subprocess
import sys

import pytest

from haocha.domain import calendar_document, policy_document


@pytest.fixture(scope="module")
def haocha(tmp_path_factory):
    """Return a function that runs a command on the module's instance and returns what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HAOCHA_")}
    data = tmp_path_factory.mktemp("rules") / "data"

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "haocha", *map(str, arguments), "--data", str(data)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    return run


def test_preset_is_shown_then_published_then_nothing_to_do(haocha):
    """Dry run, --apply, the same again; then the list."""
    dry = haocha("policy", "import", "shanghai")
    assert "unitMayTransfer: true → false" in dry
    assert "dry run" in dry
    applied = json.loads(haocha("policy", "import", "shanghai", "--apply", "--json"))
    assert (applied["applied"], applied["version"], applied["before"]) == (True, "default-2", "default-1")
    assert json.loads(haocha("policy", "import", "shanghai", "--json"))["version"] is None
    listed = json.loads(haocha("policy", "list", "--json"))
    assert [(one["version"], one["inForce"]) for one in listed] == [("default-2", True), ("default-1", False)]


def test_exported_policy_is_edited_and_imported_for_an_area(haocha, tmp_path):
    """What is exported is read again; an area's policy is withdrawn, and the default holds there again."""
    file = tmp_path / "ours.toml"
    haocha("policy", "export", "default", file)
    file.write_text(file.read_text(encoding="utf-8").replace("rounds = 1", "rounds = 2"), encoding="utf-8")
    done = haocha("policy", "import", file, "--name", "jinan", "--area", "370100000000", "--apply")
    assert "rounds: 1 → 2" in done
    assert "for area 3701" in done
    shown = policy_document.check(policy_document.read(haocha("policy", "show", "jinan")))
    assert (shown.area, shown.policy.rounds) == ("3701", 2)
    assert "default-2 holds in its place" in haocha("policy", "withdraw", "jinan", "--apply")
    assert "No policy jinan is in force" in haocha("policy", "withdraw", "jinan", code=1)


def test_faults_of_a_file_are_all_named(haocha, tmp_path):
    """With their members; exit code 1, and nothing is written."""
    file = tmp_path / "wrong.toml"
    text = haocha("policy", "show", "beijing").replace("rounds = 1", "rounds = 99").replace("limit =", "limits =")
    file.write_text(text, encoding="utf-8")
    told = haocha("policy", "import", file, "--apply", code=1)
    assert "policy.rounds: must be 0 … 9" in told
    assert "policy.stages.fix.limits: is not a member" in told
    assert "is neither a file nor a preset" in haocha("policy", "import", "paris", code=2)


def test_replay_reads_the_log_under_a_preset_a_version_or_a_file(haocha, tmp_path):
    """An empty log has no rates; the table has every stage."""
    result = json.loads(haocha("policy", "replay", "--policy", "beijing", "--since", "2026-01-01", "--json"))
    assert (result["tickets"], result["stages"][0]["rate"]) == (0, None)
    assert [row["stage"] for row in result["stages"]][-1] == "closing"
    assert "under default-1" in haocha("policy", "replay", "--policy", "default-1")
    file = tmp_path / "ours.toml"
    haocha("policy", "export", "default", file)
    assert "fix" in haocha("policy", "replay", "--policy", file)


@pytest.mark.parametrize("name", ["days.csv", "days.xlsx", "days.toml"])
def test_calendar_survives_every_kind_of_file(haocha, tmp_path, name):
    """Exported and imported again it changes nothing."""
    file = tmp_path / name
    haocha("calendar", "export", file)
    assert "Nothing to change" in haocha("calendar", "import", file, "--apply")


def test_calendar_is_cut_and_extended_again(haocha, tmp_path):
    """What the package knows beyond the calendar comes back; what was edited stays."""
    file = tmp_path / "days.toml"
    haocha("calendar", "export", file)
    whole = calendar_document.check(policy_document.read(file.read_text(encoding="utf-8")))
    cut = calendar_document.Document(
        whole.known_until.replace(year=2025),
        tuple(day for day in whole.holidays if day.year < 2026)[:-1],
        tuple(day for day in whole.make_up_days if day.year < 2026),
    )
    file.write_text(calendar_document.write(cut), encoding="utf-8")
    assert json.loads(haocha("calendar", "import", file, "--apply", "--json"))["version"] == "CN-2"
    assert "- 2026-01-01" not in haocha("calendar", "extend")
    assert "+ 2026-01-01 off 休" in haocha("calendar", "extend", "--apply")
    shown = json.loads(haocha("calendar", "show", "--year", "2025", "--json"))
    assert (shown["version"], shown["knownUntil"]) == ("CN-3", "2026-12-31")
    assert "2025-10-08" not in shown["holidays"]


def test_faults_of_a_calendar_name_the_row(haocha, tmp_path):
    """As the spreadsheet counts."""
    file = tmp_path / "days.csv"
    file.write_text("date,kind\n2026-10-01,休\n1 May,off\n", encoding="gbk")
    told = haocha("calendar", "import", file, code=1)
    assert "3.date: must be yyyy-mm-dd" in told
    assert "3.kind: must be" in told
