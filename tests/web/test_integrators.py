"""docs/integrators.md: every example is run against a real server, every code that is answered is explained."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"<!-- answers: ([\d ]+) -->\n```(bash|python)\n(.*?)```", re.DOTALL)
CODE = re.compile(r'\b(?:Problem|problem)\(\s*\d{3},\s*"([a-z_]+)"|[Ff]ault\([^()]*(?:\([^()]*\)[^()]*)*?,\s*"([a-z_]+)"')
PAGES_ONLY = {"session_required"}  # of the score board, which no integrator calls


async def test_examples_answer_what_the_guide_says(lone_site):
    """In order, as a reader would run them; each prints the status it got."""
    env = os.environ | {
        "HAOCHA": lone_site.url,
        "PAD_KEY": bare(await lone_site.key("pad", ["ratings:write"], name="pads-h01", hall="H01")),
        "HOTLINE_KEY": bare(await lone_site.key("hotline", ["ratings:write"], name="12345")),
        "PORTAL_KEY": bare(
            await lone_site.key("web", ["ratings:write", "ratings:read", "services:write"], name="portal")
        ),
        "BUREAU_KEY": bare(await lone_site.key("integration", ["ratings:write", "services:write"], name="bureau")),
    }
    examples = EXAMPLE.findall(GUIDE)
    assert len(examples) == len(re.findall(r"```(?:bash|python)\n", GUIDE)) >= 9
    for statuses, language, text in examples:
        program = [sys.executable, "-c"] if language == "python" else ["bash", "-euo", "pipefail", "-c"]
        process = await asyncio.create_subprocess_exec(
            *program, text, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told = (await process.communicate())[0].decode()
        assert process.returncode == 0, f"{text}\n{told}"
        printed = [line for line in told.splitlines() if re.fullmatch(r"\d{3}", line)]
        assert printed == statuses.split(), f"{text}\n{told}"
        if language == "bash" and statuses != "422":
            assert '"status":422' not in told or "satisfaction" in text


async def test_refusal_in_the_guide_is_the_real_one(lone_site):
    """The problem that the guide prints is what the server says, word for word."""
    key = await lone_site.key("web", ["ratings:write"])
    body = re.search(r"-d '(\{\"projectNo\": \"370102202611200003\", \"satisfaction\": 1.*?\})'", GUIDE)[1]
    answer = await lone_site.client.post("/v1/ratings", content=body, headers=key | {"Content-Type": "application/json"})
    printed = re.search(r"```json\n(\{\n  \"type\".*?)```", GUIDE, re.DOTALL)[1]
    for fault in answer.json()["errors"]:
        for value in fault.values():
            assert value in printed
    assert f'"{answer.json()["detail"]}"' in printed


def codes() -> set[str]:
    """Return every code that the sources can answer."""
    found = set()
    for source in (ROOT / "src" / "haocha" / "web").glob("*.py"):
        text = source.read_text(encoding="utf-8")
        found |= {code for match in CODE.findall(text) for code in match if code}
    return found - PAGES_ONLY


def test_codes_are_found():
    """The test below would pass on nothing otherwise."""
    assert codes() >= {"invalid", "malformed", "missing", "too_deep", "unavailable", "reason_required", "key_bound"}


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_code_is_explained(code):
    """A code without a word in the guide is of no use."""
    assert f"`{code}`" in GUIDE


def bare(header):
    """Return the key itself."""
    return header["Authorization"].removeprefix("Bearer ")
