"""`haocha inspections` as an operator types it: template, tree, findings with a folder of photos."""

import json

import pytest

from haocha.inspections.columns import FINDINGS
from haocha.registry import files
from tests.inspections.test_importing import JPEG
from tests.ops.processes import haocha
from tests.web.running import running

TREE = "代码,名称,上级代码,权重\nA,窗口服务,,\nA1,一次性告知,A,0.5\n"
HEADINGS = [column.heading for column in FINDINGS]


@pytest.fixture
def run(settings, tmp_path):
    """Return a function that runs the command on the test's database."""
    where = {"HAOCHA_DSN": settings.dsn, "HAOCHA_OWNER_DSN": settings.owner_dsn}
    where |= {"HAOCHA_KEYS": settings.keys.to_json().decode()}

    def run(*arguments, code=0):
        return haocha("inspections", *arguments, "--data", tmp_path, code=code, **where).stdout

    return run


def table(*rows):
    """Return a table of findings as text."""
    lines = [[row.get(column.name, "") for column in FINDINGS] for row in rows]
    return "\n".join(",".join(line) for line in [HEADINGS, *lines])


async def test_from_the_template_to_findings_in_the_log(run, settings, tmp_path):
    """Dry run, faults, --apply, the same again."""
    async with running(settings) as site:  # for its registry
        (tmp_path / "tree.csv").write_text(TREE, encoding="gb18030")
        assert "dry run" in run("tree", "import", tmp_path / "tree.csv")
        assert json.loads(run("tree", "import", tmp_path / "tree.csv", "--apply", "--json"))["version"] == "1"
        assert json.loads(run("tree", "export", tmp_path / "out.xlsx", "--json"))["nodes"] == 2
        run("template", tmp_path / "template.xlsx")
        assert list(files.read(tmp_path / "template.xlsx").columns) == HEADINGS
        photos = tmp_path / "photos"
        photos.mkdir()
        (photos / "a.jpg").write_bytes(JPEG)
        good = {"findingNo": "1", "standard": "A1", "foundDate": "2026-11-20", "problem": "未公示", "hallCode": "H01"}
        good |= {"photos": "a.jpg"}
        (tmp_path / "bad.csv").write_text(table(good, good | {"findingNo": "2", "standard": "Z"}), encoding="utf-8")
        (tmp_path / "good.csv").write_text(table(good), encoding="utf-8")
        said = run("import", tmp_path / "bad.csv", "--photos", photos, "--apply", code=1)
        assert "row 3, standard: is not in the tree of indicators, version 1" in said
        assert "a.jpg is neither" in run("import", tmp_path / "good.csv", code=1)
        assert "1 findings" in run("import", tmp_path / "good.csv", "--photos", photos)
        done = json.loads(run("import", tmp_path / "good.csv", "--photos", photos, "--apply", "--json"))
        assert done == {"applied": True, "new": 1, "unchanged": 0, "faults": []}
        again = json.loads(run("import", tmp_path / "good.csv", "--photos", photos, "--apply", "--json"))
        assert (again["new"], again["unchanged"]) == (0, 1)
        topics = await site.pool.fetch(
            "SELECT state ->> 'by' AS by FROM log.events WHERE topic LIKE 'inspection.find%'"
        )
        assert ['"os:' in row["by"] for row in topics] == [True]


def test_files_that_cannot_be_read_are_said(run, tmp_path):
    """With what would be."""
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.csv").write_text(table(), encoding="utf-8")
    for arguments in (("import", tmp_path / "a.txt"), ("import", tmp_path / "a.csv", "--photos", tmp_path / "a.txt")):
        run(*arguments, code=1)
    run("template", tmp_path / "a.csv", code=1)
