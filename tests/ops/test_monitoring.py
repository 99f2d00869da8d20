"""What the monitoring files ask for is what haocha shows."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from haocha.engine import worker
from haocha.web import app, metrics

MONITORING = Path(__file__).parents[2] / "ops" / "monitoring"
SUFFIXES = ("_bucket", "_sum", "_count", "_total", "")


def shown() -> set[str]:
    """Return the names of all series, with the suffixes that Prometheus gives them."""
    assert metrics.RATINGS
    assert worker.run
    assert app.create_app
    families = [family for family in REGISTRY.collect() if family.name.startswith("haocha_")]
    return {family.name + suffix for family in families for suffix in SUFFIXES}


@pytest.mark.parametrize("file", ["alerts.yml", "dashboard.json"])
def test_every_metric_asked_for_exists(file):
    """An alert on a name that nothing shows never fires."""
    asked = set(re.findall(r"haocha_[a-z_]+", (MONITORING / file).read_text()))
    assert asked
    assert asked <= shown()


def test_dashboard_shows_every_metric():
    """A figure worth measuring is worth a panel."""
    text = (MONITORING / "dashboard.json").read_text()
    families = {family.name for family in REGISTRY.collect() if family.name.startswith("haocha_")}
    assert {name for name in families if name not in text} == set()


def test_dashboard_is_json_with_panels_of_their_own():
    """Grafana refuses two panels with one id."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
