"""The problem ledger and its spreadsheet: the same lines, words only, and no telephone numbers of citizens."""

import io
import re
import tracemalloc

import pytest
from python_calamine import CalamineWorkbook

from haocha.web import exports, problem_ledger
from haocha.web.exports import Column, Sheet
from tests import people
from tests.loops import Life, tell

LINK = re.compile(r'<a href="/tickets/[0-9a-f-]+">([0-9]{4}-[0-9]+)</a>')


@pytest.fixture
async def supervisor(lone_site):
    """Return a supervisor of everything."""
    return await people.make(lone_site.pool, "supervisor")


async def screen(site, login, **query):
    """Go through all pages of the ledger; return the numbers and the last page's text."""
    numbers, address, text = [], "/desk/ledger", ""
    while address:
        answer = await site.client.get(address, params=query or None, headers=login.headers)
        assert answer.status_code == 200, answer.text
        text, query = answer.text, None
        numbers += LINK.findall(text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    return numbers, text


async def file(site, login, address="/desk/ledger.xlsx", sheet=0, **query):
    """Fetch a spreadsheet and return the rows of a sheet."""
    answer = await site.client.get(address, params=query or None, headers=login.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == exports.MEDIA_TYPE
    assert int(answer.headers["content-length"]) == len(answer.content)
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(sheet).to_python()


async def some(pool):
    """Tell 120 tickets of two units in several states."""
    lives = []
    for number in range(40):
        lives += [
            Life(said="排队太久，电话 13812345678").done(measures=f"增设窗口 {number}"),
            Life(unit="HR", dept="HR", satisfaction=2, window="H01/A02").accepted().reviewed(ground="guide"),
            Life(source="complaint", kind="box", satisfaction=0).appealed(upheld=True),
        ]
    await tell(pool, *lives)
    return lives


FILTERED = [
    ({}, 120),
    ({"queue": "open"}, 40),
    ({"queue": "closed"}, 80),
    ({"queue": "overdue"}, 40),
    ({"unit": "HR"}, 40),
    ({"outcome": "excluded"}, 40),
    ({"status": "fixing"}, 40),
    ({"ground": "delay"}, 40),
    ({"source": "complaint"}, 40),
    ({"level": "1"}, 40),
    ({"q": "二号窗口"}, 40),
    ({"openedFrom": "2025-06-03"}, 0),
    ({"area": "370103"}, 0),
]


async def test_file_has_the_lines_of_the_screen(lone_site, supervisor):
    """By any filter, all pages of the screen are the file, in its order, and the page says how many they are."""
    await some(lone_site.pool)
    for query, count in FILTERED:
        numbers, text = await screen(lone_site, supervisor, **query)
        heading, *rows = await file(lone_site, supervisor, **query)
        assert heading == [column.title for column in problem_ledger.COLUMNS]
        assert (query, len(numbers)) == (query, count)
        assert numbers == [row[0] for row in rows]
        assert f'<span class="of">{count} 件</span>' in text


async def test_line_says_problem_responsible_measures_deadline_and_outcome(lone_site, supervisor):
    """Names stand in the place of codes, and numbers that citizens wrote are covered."""
    life = Life(said="排队太久，电话 13812345678").done(measures="2025-06-02 增设窗口，联系人 13900001111")
    await tell(lone_site.pool, life)
    heading, row = await file(lone_site, supervisor)
    line = dict(zip(heading, row, strict=True))
    assert line == line | {
        "工单编号": life.number,
        "来源": "差评",
        "评价等级": "非常不满意",
        "评价指标": "无理由超过法定办理时间",
        "事项": "社会保障卡补领",
        "地点": "市民中心 A01 一号窗口",
        "问题描述": "排队太久，电话 ＊＊＊",
        "原因": "办理超时",
        "责任单位": "税务局",
        "责任人": "甲",
        "整改措施": "2025-06-02 增设窗口，联系人 ＊＊＊",
        "整改时限": "2025-06-03 09:00",
        "状态": "已办结",
        "结果": "已整改",
        "回访结果": "满意",
        "办结时间": "2025-06-02 12:00",
    }
    assert "13812345678" not in (await screen(lone_site, supervisor))[1]


async def test_cells_are_text_however_they_begin(lone_site, supervisor):
    """What looks like a formula or a link is what was written, and computes nothing."""
    said = '=HYPERLINK("http://example.org","x")'
    await tell(lone_site.pool, Life(said=said).done(measures="@SUM(1)"))
    heading, row = await file(lone_site, supervisor)
    line = dict(zip(heading, row, strict=True))
    assert (line["问题描述"], line["整改措施"]) == (said, "@SUM(1)")


async def test_erased_texts_are_gone_from_the_ledger(lone_site, supervisor):
    """A text that was erased leaves an empty cell; the line stays."""
    life = Life(said="请删除").done()
    await tell(lone_site.pool, life)
    await lone_site.pool.execute("DELETE FROM private.texts WHERE subject = $1", life.id)
    heading, row = await file(lone_site, supervisor)
    line = dict(zip(heading, row, strict=True))
    assert (line["工单编号"], line["问题描述"], line["整改措施"]) == (life.number, "", "")


async def test_ledger_keeps_to_the_scope_of_the_account(lone_site):
    """A handler sees what his unit has or had, on the screen and in the file."""
    await some(lone_site.pool)
    handler = await people.make(lone_site.pool, "handler", "HR")
    numbers, _ = await screen(lone_site, handler)
    assert len(numbers) == 40
    assert len(await file(lone_site, handler)) == 41
    agent = await people.make(lone_site.pool, "agent")
    assert (await lone_site.client.get("/desk/ledger.xlsx", headers=agent.headers)).status_code == 403


async def test_wrong_filters_are_said(lone_site, supervisor):
    """What cannot be read narrows nothing, and the page says so."""
    await tell(lone_site.pool, Life())
    _, text = await screen(lone_site, supervisor, outcome="moon")
    assert 'role="alert"' in text
    assert "outcome 应为" in text


async def test_long_texts_fit_a_cell():
    """A cell holds 32,767 characters; the rest is cut off instead of the whole being lost."""
    with await exports.write([Sheet("x", (Column("y"),), exports.all_at_once([["长" * 40_000]]))]) as written:
        written.seek(0)
        rows = CalamineWorkbook.from_filelike(written).get_sheet_by_index(0).to_python()
    assert [len(row[0]) for row in rows] == [1, exports.LONGEST_CELL]


async def test_memory_does_not_grow_with_the_rows():
    """Ten times the rows need no more memory than the pages they come in."""

    async def pages(count):
        for _ in range(count):
            yield [["短文字"] * 20] * 500

    peaks = []
    for count in (2, 2, 20):  # the first makes what every workbook needs
        tracemalloc.start()
        (await exports.write([Sheet("x", tuple(map(Column, "abcdefghijklmnopqrst")), pages(count))])).close()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] * 1.2


async def test_few_exports_are_written_at_once(lone_site, supervisor, monkeypatch):
    """Whoever asks while enough are being written is told to come again."""
    await tell(lone_site.pool, Life())
    monkeypatch.setattr(exports, "_writing", exports.AT_ONCE)
    answer = await lone_site.client.get("/desk/ledger.xlsx", headers=supervisor.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "20")
