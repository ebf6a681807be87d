"""What a verification command may see, use up and reach."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from agentd.conflicts.checks.process_run import MARKER
from agentd.conflicts.checks.sandbox import (
    Bubblewrap,
    Layout,
    command_environment,
    find_bubblewrap,
    limited,
    looks_secret,
    scratch_environment,
)
from agentd.conflicts.policy.policy import Verification
from tests.fakes.patience import PATIENCE_SECS

ENVIRON = {
    "PATH": "/usr/bin:relative/bin::/bin:.",
    "HOME": "/home/user",
    "LANG": "de_DE.UTF-8",
    "OPENAI_API_KEY": "sk-secret",
    "CARGO_HOME": "/cargo",
    "CARGO_REGISTRY_TOKEN": "t",
    "CARGO_HTTP_PROXY": "http://user:password@proxy",
    "CI": "1",
    "LD_PRELOAD": "/evil.so",
    "GIT_DIR": "/elsewhere",
    "AGENTD_SOCKET": "/run/agentd.sock",
}


def test_little_of_the_environment_comes_through() -> None:
    assert command_environment(ENVIRON, ()) == {
        "PATH": "/usr/bin:/bin",
        "LANG": "de_DE.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    assert command_environment({}, ())["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert command_environment({}, ())["LANG"] == "C.UTF-8"


def test_secrets_come_through_only_by_their_very_name() -> None:
    passed = command_environment(ENVIRON, ("CARGO_*", "CI", "MISSING"))
    assert passed["CARGO_HOME"] == "/cargo"
    assert passed["CI"] == "1"
    assert "CARGO_REGISTRY_TOKEN" not in passed
    assert "CARGO_HTTP_PROXY" not in passed
    assert "MISSING" not in passed
    assert "OPENAI_API_KEY" not in command_environment(ENVIRON, ("*",))
    assert command_environment(ENVIRON, ("OPENAI_API_KEY",))["OPENAI_API_KEY"] == "sk-secret"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("GITHUB_TOKEN", "x", True),
        ("my_password", "x", True),
        ("AWS_SECRET_ACCESS_KEY", "x", True),
        ("GITHUB_PAT", "x", True),
        ("SSH_AUTH_SOCK", "/tmp/x", True),
        ("DATABASE_URL", "postgres://u:p@h/d", True),
        ("X", "ghp_0123456789", True),
        ("X", "-----BEGIN RSA PRIVATE KEY-----", True),
        ("EDITOR", "vi", False),
        ("URL", "https://example.org/a:b@c", False),
        ("CARGO_HOME", "/x", False),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str, secret: bool) -> None:
    assert looks_secret(name, value) is secret


def test_home_and_temporary_files_lie_in_the_scratch_directory(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    environment = scratch_environment({"PATH": "/bin", "HOME": "/home/user"}, layout)
    assert environment["HOME"] == str(layout.home)
    assert environment["TMPDIR"] == str(layout.temporary)
    assert environment["GIT_CEILING_DIRECTORIES"] == environment[MARKER] == str(tmp_path)
    assert environment["PATH"] == "/bin"
    assert layout.tree.is_dir()


def run_limited(layout: Layout, command: str, bounds: Verification) -> tuple[int, str, bool]:
    """Exit code, output and whether the start was told."""
    told, telling = os.pipe()
    with os.fdopen(told, "rb") as reading:
        ended = subprocess.run(
            limited(["/bin/sh", "-c", command], bounds, telling),
            cwd=layout.tree,
            pass_fds=(telling,),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_SECS,
        )
        os.close(telling)
        return ended.returncode, ended.stdout, reading.read() == b"started\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "run-1")
    made.root.mkdir()
    made.make()
    return made


def test_the_limits_hold(layout: Layout) -> None:
    bounds = Verification(cpu_secs_max=7, file_bytes_max=2**20, memory_bytes_max=256 * 2**20)
    code, said, started = run_limited(layout, "ulimit -c; ulimit -t", bounds)
    assert (code, said, started) == (0, "0\n7\n", True)
    code, _, _ = run_limited(layout, "head -c 2000000 /dev/zero > big", bounds)
    assert code != 0
    assert (layout.tree / "big").stat().st_size == 2**20
    code, said, _ = run_limited(layout, "python3 -c 'x = bytearray(10**9)'", bounds)
    assert code == 1
    assert "MemoryError" in said


def test_the_commands_text_is_the_shells_and_nobody_elses(layout: Layout) -> None:
    command = 'echo "$0 $#" \'$HOME\' `echo a`; exit 3 # "; rm x'
    assert run_limited(layout, command, Verification()) == (3, "/bin/sh 0 $HOME a\n", True)


def test_bubblewrap_is_found_only_where_it_works(tmp_path: Path) -> None:
    assert find_bubblewrap({"PATH": str(tmp_path)}, ()) is None
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    assert find_bubblewrap({"PATH": str(tmp_path)}, ()) is None
    broken.write_text("not a program")
    assert find_bubblewrap({"PATH": str(tmp_path)}, ()) is None


def test_programs_in_masked_directories_stay_visible() -> None:
    walls = Bubblewrap(
        "bwrap",
        hidden=(),
        search_path=tuple(map(Path, ("/tmp/x/.venv/bin", "/usr/bin", "/tmp/tools", "/tmp/bin"))),
    )
    arguments = walls.wrap(["true"], Layout(Path("/tmp/s")), network=False)
    shown = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--ro-bind-try"]
    assert shown == ["/tmp/x/.venv", "/tmp/tools", "/tmp/bin"]
    assert "--share-net" not in arguments
    assert "--share-net" in walls.wrap(["true"], Layout(Path("/tmp/s")), network=True)


# What follows needs a bubblewrap that works on this machine.


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has secrets at home, a tool of his own and a daemon."""
    home = tmp_path / "home"
    for name in (".ssh/id", ".netrc", "bin/tool", "lib/data", "agentd/agentd.sock"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("#!/bin/sh\necho visible\n")
    (home / "bin/tool").chmod(0o755)
    return {"PATH": f"{os.environ['PATH']}:{home}/bin", "HOME": str(home)}


def walled(user: dict[str, str], layout: Layout, script: str, *, network: bool = False) -> str:
    walls = find_bubblewrap(user, (Path(user["HOME"], "agentd"),))
    if walls is None:
        pytest.skip("bubblewrap is not installed or does not work here")
    ended = subprocess.run(
        walls.wrap(["/bin/sh", "-c", script], layout, network=network),
        cwd=layout.tree,
        env=user,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_SECS,
    )
    return ended.stdout


def test_inside_only_the_scratch_directory_can_be_written(
    user: dict[str, str], layout: Layout, tmp_path: Path
) -> None:
    said = walled(
        user,
        layout,
        f"echo a > file; echo b > /tmp/mine && cat file /tmp/mine; "
        f"touch {user['HOME']}/new 2>/dev/null || echo refused; "
        "touch /etc/agentd-was-here 2>/dev/null || echo refused",
    )
    assert said == "a\nb\nrefused\nrefused\n"
    assert (layout.tree / "file").read_text() == "a\n"
    assert not Path("/tmp/mine").exists()


def test_inside_keys_and_the_daemon_cannot_be_seen_but_tools_can(
    user: dict[str, str], layout: Layout
) -> None:
    said = walled(
        user,
        layout,
        "tool; cat ~/lib/data | tail -1; cat ~/.netrc 2>/dev/null; ls -A ~/.ssh ~/agentd; echo end",
    )
    home = user["HOME"]
    assert said == f"visible\necho visible\n{home}/.ssh:\n\n{home}/agentd:\nend\n"


def test_inside_other_processes_cannot_be_seen(user: dict[str, str], layout: Layout) -> None:
    said = walled(user, layout, "ls -d /proc/[0-9]* | wc -l")
    assert int(said) <= 5


@pytest.mark.parametrize("network", [False, True])
def test_inside_there_is_a_network_only_if_wanted(
    user: dict[str, str], layout: Layout, network: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f'import socket; socket.create_connection(("127.0.0.1", {port}), 5)'
        script = f"python3 -c '{connect}' 2>/dev/null && echo connected || echo refused"
        said = walled(user, layout, script, network=network)
    assert said == ("connected\n" if network else "refused\n")
