"""Merge drivers that the policy names: what they get, what is taken, what they cannot do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from agentd.conflicts.checks.walls import Walls
from agentd.conflicts.policy.policy import Verification
from agentd.conflicts.policy.proposals import KNOWN_DRIVERS, Driver
from agentd.conflicts.proposals.driver_maker import DriverMaker
from agentd.conflicts.proposals.gates import Gate, Refusal
from agentd.conflicts.proposals.making import resolve
from agentd.conflicts.proposals.sides import Conflict, Declined
from tests.conflicts.proposals.conflicts import BASE, BOTH, LEFT, RIGHT, conflict_in
from tests.conflicts.repo_builder import FileContent, Repo

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
PATH = "shop/a.py"
UNION = ("git", "merge-file", "--union", "%A", "%O", "%B")
"""What git itself has for the purpose: a driver that is everywhere."""


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    return make_repo({PATH: BASE})


@pytest.fixture
def conflict(repo: Repo) -> Conflict:
    return conflict_in(repo, LEFT, RIGHT)


def script(text: str) -> tuple[str, ...]:
    """A driver that is a line of shell: $1 base, $2 left and result, $3 right."""
    return ("sh", "-c", text, "sh", "%O", "%A", "%B")


def maker(
    tmp_path: Path,
    command: Sequence[str],
    *,
    files: tuple[str, ...] = ("*",),
    timeout_secs: float = 60.0,
    bytes_max: int = 10_000,
    environ: Mapping[str, str] | None = None,
    use_bubblewrap: bool = False,
) -> DriverMaker:
    driver = Driver(name="test", command=tuple(command), files=files, timeout_secs=timeout_secs)
    walls = Walls(
        Verification(),
        environ={"PATH": os.environ["PATH"], **(environ or {})},
        use_bubblewrap=use_bubblewrap,
    )
    return DriverMaker(driver, walls, tmp_path / "scratch", bytes_max=bytes_max)


def outcome(made_by: DriverMaker, conflict: Conflict) -> bytes | Declined | Refusal:
    (file,) = conflict.files
    return made_by.resolve(file, conflict).outcome


@pytest.mark.parametrize("use_bubblewrap", [False, True])
def test_its_result_is_taken(conflict: Conflict, tmp_path: Path, use_bubblewrap: bool) -> None:
    made_by = maker(tmp_path, UNION, use_bubblewrap=use_bubblewrap)
    resolution = resolve(conflict, [made_by])
    assert resolution.contents == {PATH: BOTH.encode()}
    (attempt,) = resolution.taken
    assert attempt.to_json() == {
        "path": PATH,
        "with": "test",
        "parsed": True,
        "problem": None,
        "command": list(UNION),
        "sandbox": attempt.details["sandbox"],
    }
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("git", "merge-file", "%A", "%O", "%B"), "exit code 1"),
        (script("echo half; echo 'it is too much' >&2; exit 3"), "(exit code 3): it is too much"),
        (script("kill -9 $$"), "exit code 137"),
        (("no-such-driver", "%O", "%A", "%B"), "no program no-such-driver on PATH"),
        (("/no/such-driver", "%O", "%A", "%B"), "no program /no/such-driver"),
        (script('rm "$2"'), "it leaves no result"),
        (script('rm "$2"; ln -s /etc/passwd "$2"'), "it leaves no result"),
        (script('rm "$2"; mkfifo "$2"'), "no regular file"),
        (script('head -c 20000 /dev/zero > "$2"'), "longer than 10,000 bytes"),
    ],
)
def test_what_goes_wrong_is_declined_in_a_sentence(
    conflict: Conflict, tmp_path: Path, command: Sequence[str], reason: str
) -> None:
    found = outcome(maker(tmp_path, command), conflict)
    assert isinstance(found, Declined)
    assert reason in found.reason
    scratch = tmp_path / "scratch"
    assert not scratch.exists() or not list(scratch.iterdir())


def test_it_does_not_run_for_ever(conflict: Conflict, tmp_path: Path) -> None:
    command = script("sleep 600 & wait")
    found = outcome(maker(tmp_path, command, timeout_secs=0.3), conflict)
    assert found == Declined("it does not end within 0.3 s")


@pytest.mark.parametrize(
    ("command", "gate"),
    [
        (script('git merge-file "$2" "$1" "$3"; exit 0'), Gate.MARKERS),
        (script('git merge-file --union "$2" "$1" "$3"; sed -i "s/os/re/" "$2"'), Gate.CONFINED),
        (script('git merge-file --union "$2" "$1" "$3"; sed -i "1i x = 1" "$2"'), Gate.CONFINED),
        (script('cp "$3" "$2"'), Gate.BINDINGS),
        (script(":"), Gate.BINDINGS),
        (script('git merge-file --union "$2" "$1" "$3"; echo "x = 1" >> "$2"'), Gate.BINDINGS),
        (script('git merge-file --union "$2" "$1" "$3"; echo "#" >> "$2"'), Gate.LEDGER),
    ],
)
def test_a_result_that_is_not_both_sides_is_refused(
    conflict: Conflict, tmp_path: Path, command: Sequence[str], gate: Gate
) -> None:
    resolution = resolve(conflict, [maker(tmp_path, command)])
    assert resolution.contents is None
    assert gate in {refusal.gate for refusal in resolution.refusals}, resolution.problem


def test_it_gets_only_the_files_that_the_policy_gives_it(
    conflict: Conflict, tmp_path: Path
) -> None:
    found = outcome(maker(tmp_path, UNION, files=("*.java",)), conflict)
    assert found == Declined("the policy does not give it such files")
    assert outcome(maker(tmp_path, UNION, files=("/shop/**",)), conflict) == BOTH.encode()


def test_keys_stay_outside_and_the_home_is_empty(conflict: Conflict, tmp_path: Path) -> None:
    command = script('echo "[$DEEPSEEK_API_KEY] $(ls -A "$HOME" | wc -l)" >&2; exit 1')
    environ = {"DEEPSEEK_API_KEY": "sk-secret", "HOME": str(Path.home())}
    found = outcome(maker(tmp_path, command, environ=environ), conflict)
    assert isinstance(found, Declined)
    assert found.reason.endswith(": [] 0")


def test_it_never_sees_the_users_repository(repo: Repo, conflict: Conflict, tmp_path: Path) -> None:
    before = repo.fingerprint()
    command = script("git rev-parse --git-dir >&2; pwd >&2; exit 1")
    found = outcome(maker(tmp_path, command), conflict)
    assert isinstance(found, Declined)
    assert found.reason.rpartition(": ")[2].startswith(str(tmp_path / "scratch"))
    assert repo.fingerprint() == before


def test_a_name_is_never_an_option(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"--output=x.py": BASE})
    conflict = conflict_in(repo, LEFT, RIGHT, path="--output=x.py")
    command = ("sh", "-c", 'echo "$1 $2 ${3##*/}" >&2; exit 1', "sh", "%P", "%L%%", "%A", "%B%O")
    found = outcome(maker(tmp_path, command), conflict)
    assert isinstance(found, Declined)
    assert found.reason.endswith(": ./--output=x.py 7% --output=x.py")


def test_the_next_maker_is_asked_and_every_reason_told(conflict: Conflict, tmp_path: Path) -> None:
    absent = maker(tmp_path, ("no-such-driver", "%O", "%A", "%B"))
    lying = maker(tmp_path, script('cp "$3" "$2"'))
    resolution = resolve(conflict, [absent, lying])
    assert resolution.problem.startswith(f"{PATH}: test: there is no program")
    assert "; test: two is there 0 times" in resolution.problem
    resolution = resolve(conflict, [absent, lying, maker(tmp_path, UNION)])
    assert [each.problem is None for each in resolution.attempts] == [False, False, True]
    assert resolution.contents == {PATH: BOTH.encode()}


def test_mergiraf_needs_no_table() -> None:
    (mergiraf,) = KNOWN_DRIVERS
    filled = {"%O": "/s/o.py", "%A": "/s/a.py", "%B": "/s/b.py", "%L": "7", "%P": PATH}
    assert mergiraf.arguments(filled) == [
        *("mergiraf", "merge", "--git", "/s/o.py", "/s/a.py", "/s/b.py", "-p", PATH)
    ]
