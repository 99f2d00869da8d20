"""Presets: policies as places have set them; each file says of every value where it was read, or that it is assumed."""

from pathlib import Path
from typing import Final

TITLES: Final = {
    "shanghai": "上海 2019—2025",
    "zhejiang": "浙江 2019",
    "beijing": "北京 2019",
    "dezhou": "山东德州 2020",
    "sichuan": "四川 2020",
}
"""Every preset, and the place and years of the rules it was read in."""


def text(name: str) -> str:
    """Return a preset's file; raises KeyError where there is none of that name."""
    if name not in TITLES:
        raise KeyError(name)
    return Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8")
