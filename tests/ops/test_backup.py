"""Back up while ratings come in, destroy, restore, check."""

import json
import shutil
import stat
from datetime import UTC, datetime

import httpx
import pytest

from haocha.store import backup
from haocha.store.backup import MANIFEST
from tests.ops.processes import haocha, serving, told

MOBILE = "13900000000"


def rating(number: int) -> dict[str, object]:
    """Return a rating of a case of its own, with an identity."""
    at = datetime.now(UTC).replace(microsecond=0).isoformat()
    what = {"projectNo": f"B{number}", "satisfaction": 1 + number % 5, "pf": "5", "assessTime": at}
    return what | {"writingEvaluation": "排队很久", "userName": "王某", "mobile": MOBILE}


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory):
    """Make an instance with ratings, back it up under way, destroy it; return the folder of all this."""
    folder = tmp_path_factory.mktemp("backup")
    data = folder / "data"
    with serving(data) as (url, _):
        arguments = ("--data", data, "--name", "web", "--kind", "web", "--scope", "ratings:write,ratings:read")
        key = {"Authorization": f"Bearer {told('keys', 'create', *arguments)['key']}"}
        with httpx.Client(base_url=url, headers=key) as client:
            answers = [client.post("/v1/ratings", json=rating(number)) for number in range(20)]
            assert {answer.status_code for answer in answers} == {201}, answers[-1].text
            report = told("backup", folder / "backups", "--data", data, "--keys", folder / "keys.json")
            ready = client.get("/readyz").json()
            client.post("/v1/ratings", json=rating(99))
    sealed = told("seal", "--data", data)
    shutil.rmtree(data)
    (folder / "told.json").write_text(
        json.dumps(
            {"report": report, "ready": ready, "ratings": [a.json() for a in answers], "key": key, "seal": sealed}
        )
    )
    return folder


@pytest.fixture(scope="module")
def restored(backed_up):
    """Restore the backup into a new folder."""
    data = backed_up / "restored"
    told("restore", backed_up / "backups", "--data", data, "--keys", backed_up / "keys.json")
    return data


def test_backup_tells_what_it_holds_and_readyz_its_age(backed_up):
    """The manifest, the command's report and /readyz agree that there is a backup of these ratings."""
    known = json.loads((backed_up / "told.json").read_text())
    assert known["report"]["position"] >= 20
    assert 0 <= known["ready"]["backupAge"] < 60
    manifest = backup.read_manifest(next((backed_up / "backups").iterdir()))
    assert manifest.position == known["report"]["position"]


def test_restored_instance_is_whole(backed_up, restored):
    """After the destruction: check is clean, every rating is readable with its text, and new ones are taken."""
    known = json.loads((backed_up / "told.json").read_text())
    haocha("check", "--data", restored, "--since", f"{known['report']['position']}:{known['report']['seal']}")
    with serving(restored) as (url, _), httpx.Client(base_url=url, headers=known["key"]) as client:
        for number, answer in enumerate(known["ratings"]):
            found = client.get(f"/v1/ratings/{answer['ratingId']}").json()
            assert (found["satisfaction"], found["writingEvaluation"]) == (1 + number % 5, "排队很久")
        assert client.post("/v1/ratings", json=rating(100)).status_code == 201


def test_backup_holds_no_key_and_no_plain_identity(backed_up):
    """Whoever finds a backup finds no phone number: identities are sealed and the keys are elsewhere."""
    found = [path for path in (backed_up / "backups").rglob("*") if path.is_file()]
    assert not [path for path in found if path.name in {"keys.json", "passwords.json"}]
    assert not [path for path in found if MOBILE.encode() in path.read_bytes()]
    assert stat.S_IMODE((backed_up / "keys.json").stat().st_mode) == 0o600


def test_restore_fills_a_new_folder_only(backed_up, restored):
    """Nothing is ever restored over."""
    refused = haocha("restore", backed_up / "backups", "--data", restored, "--keys", backed_up / "keys.json", code=1)
    assert "is not empty" in refused.stderr


def test_restore_without_keys_must_be_asked_for(backed_up, tmp_path):
    """New keys would silently make every identity unreadable."""
    refused = haocha("restore", backed_up / "backups", "--data", tmp_path / "data", code=2)
    assert "--keys FILE" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_damaged_backup_is_refused_before_anything_is_written(backed_up, tmp_path):
    """One flipped byte in one file is found, by the file's name."""
    copy = tmp_path / "copy"
    shutil.copytree(next((backed_up / "backups").iterdir()), copy, symlinks=True)
    victim = copy / "pg" / "global" / "pg_control"
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    refused = haocha("restore", copy, "--data", tmp_path / "data", "--keys", backed_up / "keys.json", code=1)
    assert "pg_control" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_folder_without_manifest_is_no_backup(tmp_path):
    """A backup that was cut off is never taken for a whole one."""
    refused = haocha("restore", tmp_path, "--data", tmp_path / "data", "--without-keys", code=1)
    assert MANIFEST in refused.stderr


def test_old_backups_and_broken_ones_are_removed(tmp_path):
    """--keep leaves the newest and takes away what was cut off; foreign folders stay."""
    for name in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST).touch()
    (tmp_path / "20260104T000000Z.partial").mkdir()
    (tmp_path / "photos").mkdir()
    backup.prune(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"20260102T000000Z", "20260103T000000Z", "photos"}
