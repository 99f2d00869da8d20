"""The wheel holds what the source tree holds: code, SQL, pages."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Build the wheel as a release does."""
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(out.glob("haocha-*.whl"))) as archive:
        yield archive


@pytest.mark.parametrize("folder", ["migrations", "projections"])
def test_wheel_holds_every_sql_file(wheel, folder):
    """SQL is data outside the package; in the wheel it stands beside the code."""
    packaged = {name.removeprefix("haocha/") for name in wheel.namelist() if name.startswith(f"haocha/{folder}/")}
    assert {name for name in packaged if name.endswith(".sql")} == {
        str(path.relative_to(ROOT)) for path in (ROOT / folder).glob("*.sql")
    }


def test_wheel_holds_the_simulated_provinces(wheel):
    """The demonstration reports to one of them, from an installed wheel too."""
    packaged = {name for name in wheel.namelist() if name.startswith("haocha/province/")}
    source = {f"haocha/province/{path.name}" for path in (ROOT / "ops" / "province").iterdir() if path.is_file()}
    assert packaged == source


def test_wheel_holds_every_file_of_the_package(wheel):
    """Templates, styles and tables are there as well as the code."""
    source = ROOT / "src"
    files = {str(path.relative_to(source)) for path in (source / "haocha").rglob("*") if path.is_file()}
    kept = {name for name in files if "__pycache__" not in name}
    assert kept <= set(wheel.namelist())


def test_constraints_are_the_locks_versions():
    """Plain pip and uv install the same versions."""
    locked = {
        (package["name"], package["version"])
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
        if "registry" in package["source"]
    }
    lines = (line.split(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pinned = {tuple(line.split("==")) for line in lines if line and not line.startswith("#")}
    assert pinned == locked


def test_lock_names_only_the_public_index():
    """A lock that names somebody's mirror would not install elsewhere."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    assert {p["source"]["registry"] for p in lock["package"] if "registry" in p["source"]} == {
        "https://pypi.org/simple"
    }
    files = [f for p in lock["package"] for f in [*p.get("wheels", ()), *([p["sdist"]] if "sdist" in p else ())]]
    assert all(file["url"].startswith("https://files.pythonhosted.org/") for file in files)
