"""Every command is there, says what it does, and keeps to the exit codes."""

import json
import socket

import pytest
from click.testing import CliRunner

from haocha.cli import main

COMMANDS = {
    "accounts", "backup", "bench", "calendar", "check", "demo", "inspections", "keys", "migrate", "notices", "parked",
    "policy", "rebuild", "registry", "restore", "seal", "serve", "simulate", "sync", "vault", "version", "work",
}  # fmt: skip


def leaves(group=main, path=()):
    """Yield every command with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


def test_the_commands_are_these():
    """No more and no fewer than the guide lists."""
    assert set(main.commands) == COMMANDS


@pytest.mark.parametrize(
    ("path", "command"), list(leaves()), ids=lambda value: " ".join(value) if type(value) is tuple else ""
)
def test_every_command_explains_itself(path, command):
    """--help says what the command does; each option says what it is for; --data chooses the instance."""
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert command.help, path
    names = set()
    for parameter in command.params:
        names.update(parameter.opts)
        if parameter.param_type_name == "option":
            assert parameter.help, f"{' '.join(path)} {parameter.opts}"
    assert "--data" in names or path == ("version",)


def test_wrong_usage_is_2():
    """Scripts tell a typo from a finding."""
    assert CliRunner().invoke(main, ["serve", "--port", "many"]).exit_code == 2


def test_bad_settings_are_1_with_all_faults(tmp_path):
    """Each fault is a line that begins with its variable."""
    env = {"HAOCHA_SKEW": "x", "HAOCHA_QUEUE": "y"}
    done = CliRunner().invoke(main, ["migrate", "--data", str(tmp_path)], env=env)
    assert done.exit_code == 1
    assert "HAOCHA_SKEW must be" in done.stderr
    assert "HAOCHA_QUEUE must be" in done.stderr


def test_port_in_use_is_said_before_anything_starts(tmp_path):
    """The message names the port and the option; no database was started for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["serve", "--data", str(tmp_path), "--port", str(port)])
    assert done.exit_code == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "pg").exists()


def test_version_is_told_to_scripts():
    """--json is one line of JSON."""
    done = CliRunner().invoke(main, ["version", "--json"])
    assert set(json.loads(done.stdout)) == {"haocha", "python", "postgresql"}
