"""The members of a policy are documented, with the presets and the stages."""

import re
from pathlib import Path

from msgspec import inspect

from haocha import policies
from haocha.domain.documents import SAID
from haocha.domain.policy import DEFAULT, STAGES
from haocha.domain.policy_document import NEEDED, Document
from haocha.domain.workdays import Limit
from haocha.web import rule_words

DOCUMENT = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")


def rows(heading):
    """Return the cells of the first table below a heading."""
    lines = DOCUMENT.split(f"{heading}\n", 1)[1].splitlines()
    table = [line for line in lines if line.startswith("|")]
    beyond = next((n for n, line in enumerate(lines) if n > lines.index(table[0]) and not line.startswith("|")), None)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[lines.index(table[0]) + 2 : beyond]]


def members(info, path=""):
    """Name every member of a struct, a limit as one."""
    match info:
        case inspect.StructType() if info.cls is not Limit:
            for field in info.fields:
                yield from members(field.type, f"{path}.{field.encode_name}" if path else field.encode_name)
        case inspect.DictType():
            yield from members(info.value_type, f"{path}.<stage>")
        case inspect.VarTupleType() if isinstance(info.item_type, inspect.StructType):
            yield from members(info.item_type, f"{path}[]")
        case _:
            yield path


def test_every_member_is_documented_and_nothing_else():
    """The table is the struct."""
    documented = [row[0].strip("`") for row in rows("## The members")]
    assert len(documented) == len(set(documented))
    assert set(documented) == set(members(inspect.type_info(Document)))


def test_every_code_of_a_fault_is_documented():
    """The codes of a document's faults, in the guide and in both languages."""
    documented = {row[0].strip("`") for row in rows("names each fault with its `pointer`:")}
    assert documented == set(SAID) == set(rule_words.SAID)


def test_every_stage_is_documented_with_its_default():
    """Limits in the table are the default policy's."""
    table = {row[0].strip("`"): row for row in rows("### Stages")}
    assert list(table) == list(STAGES)
    for stage, rule in DEFAULT.stages.items():
        assert table[stage][2].startswith(f"{rule.limit.days} {rule.limit.unit} day")
        assert table[stage][3].startswith(rule.start)
    assert set(NEEDED) == set(STAGES[:8])


def test_every_preset_is_documented_with_its_sources():
    """The page names the place and the source that the file names."""
    table = {row[0].strip("`"): row for row in rows("## The presets")}
    assert {name: row[1] for name, row in table.items()} == policies.TITLES
    for name, row in table.items():
        source = re.match(r"S\d+", row[3])[0]
        assert f"来源 {source}" in policies.text(name)
