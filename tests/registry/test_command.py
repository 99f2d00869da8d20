"""`haocha registry` as an operator types it: each command a process of its own, on an instance of its own."""

import json
import os
import subprocess
import sys

import pytest

HEADING = "kind,deptCode,staffNo,name,areaCode,validFrom\n"
GOOD = HEADING + "org,TAX,,税务局,990100000000,2025-01-01\nstaff,TAX,7,甲,,2025-01-01\n"


@pytest.fixture
def haocha(tmp_path):
    """Return a function that runs a command on the test's instance and returns what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HAOCHA_")}

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "haocha", "registry", *map(str, arguments), "--data", str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_import_shows_then_writes_then_finds_nothing_to_do(haocha, tmp_path):
    """Dry run, --apply, the same again; then the history and the export."""
    file, out = tmp_path / "city.csv", tmp_path / "out.csv"
    file.write_text(GOOD, encoding="gbk")
    assert "register staff TAX/7 甲 from 2025-01-01" in haocha("import", file)
    assert json.loads(haocha("import", file, "--apply", "--json"))["applied"] is True
    assert json.loads(haocha("import", file, "--json"))["counts"] == {}
    assert "2025-01-01 to open  name=甲" in haocha("show", "staff", "TAX/7")
    assert json.loads(haocha("export", out, "--json"))["rows"] == 2
    assert out.read_text(encoding="utf-8-sig").splitlines()[2].startswith("staff,TAX,")


def test_faults_are_findings(haocha, tmp_path):
    """All of them with row and column, exit code 1, and nothing is written."""
    file = tmp_path / "city.csv"
    file.write_text(GOOD + "staff,WATER,,乙,99,2025\n", encoding="utf-8")
    faults = json.loads(haocha("import", file, "--apply", "--json", code=1))["faults"]
    assert [(fault["row"], fault["column"]) for fault in faults] == [(4, "areaCode"), (4, "staffNo"), (4, "validFrom")]
    haocha("show", "staff", "TAX/7", code=1)
