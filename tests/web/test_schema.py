"""`/schema`: the OpenAPI document is complete, its examples are taken, and schemathesis finds it true to behaviour."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from haocha.engine import worker
from haocha.store import readmodels
from haocha.store.instance import Instance
from tests.web.running import rating

OPERATIONS = {
    ("post", "/v1/ratings"),
    ("post", "/v1/ratings/batch"),
    ("get", "/v1/ratings"),
    ("get", "/v1/ratings/{rating_id}"),
    ("post", "/v1/services"),
    ("post", "/v1/services/batch"),
    ("get", "/v1/scores/windows"),
    ("get", "/v1/tickets"),
    ("get", "/v1/tickets/{ticket_id}"),
    ("post", "/v1/tickets/{ticket_id}/review"),
    ("get", "/v1/receipts/{code}"),
    ("get", "/v1/log"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}
EXAMPLES = 8  # per operation and phase
SEED = 7
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
async def document(site):
    """Read the document as an integrator does: no key."""
    answer = await site.client.get("/schema")
    assert answer.status_code == 200
    return answer.json()


async def test_document_names_every_operation(document):
    """What the service does is written there."""
    assert document["openapi"].startswith("3.")
    written = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert written >= OPERATIONS


async def test_document_is_served_as_a_file_too(site, document):
    """Tools want a name that ends in .json."""
    assert (await site.client.get("/schema/openapi.json")).json() == document


async def test_every_post_has_an_example_that_is_taken(site, document):
    """An example that is refused is worse than none."""
    key = await site.key()
    for path, methods in document["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if "application/json" not in content or not path.startswith("/v1/") or "{" in path:
            continue
        example = content["application/json"]["example"]
        answer = await site.client.post(path, json=example, headers=key)
        assert answer.status_code in {200, 201}, (path, answer.text)
        for result in answer.json().get("results", ()):
            assert result["status"] in {200, 201}, result


async def test_every_field_of_a_rating_is_written(document):
    """The forms are those that are decoded."""
    properties = document["components"]["schemas"]["RatingIn"]["properties"]
    assert properties.keys() >= rating().keys() | {"sourceId", "evalDetail", "writingEvaluation", "isAnonymity", "ext"}
    assert document["components"]["schemas"]["RatingIn"]["additionalProperties"] is False


@pytest.fixture
async def working_site(lone_site, monkeypatch):
    """Serve a database of the test's own, its worker beside it, with brief waits and no limit of public requests."""
    monkeypatch.setattr(readmodels, "wait_for", partial(readmodels.wait_for, timeout=0.05))
    lone_site.context.public_limits._per_minute = 1_000_000
    settings = lone_site.context.settings
    working = asyncio.create_task(worker.run(Instance(settings, settings.dsn, settings.owner_dsn), lone_site.pool))
    key = await lone_site.key()
    items = [rating(satisfaction=1) for _ in range(100)]
    await lone_site.client.post("/v1/ratings/batch", json={"ratings": items}, headers=key)
    while (await lone_site.client.get("/v1/scores/windows", params={"after": 100}, headers=key)).status_code != 200:
        await asyncio.sleep(0.1)
    yield lone_site
    working.cancel()
    await asyncio.wait([working])


async def schemathesis(site, folder, *options):
    """Run schemathesis' default checks with a key of all scopes; return its exit code and what it says."""
    [header] = (await site.key()).values()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{site.url}/schema/openapi.json",
        "--header", f"Authorization: {header}", "--seed", str(SEED), "--max-examples", str(EXAMPLES),
        "--no-shrink", "--warnings", "off", *options,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    told, _ = await process.communicate()
    return process.returncode, told.decode()


@pytest.mark.parametrize(
    "options",
    [("--phases", "examples,fuzzing,stateful"), ("--phases", "coverage", "--include-operation-id", "postRating")],
    ids=["every operation", "every edge of a rating"],
)
async def test_document_is_true_to_behaviour(working_site, tmp_path, options):
    """Schemathesis' default checks: data that fit the document are taken, data that do not are refused as it says."""
    code, told = await schemathesis(working_site, tmp_path, *options)
    assert code == 0, told
