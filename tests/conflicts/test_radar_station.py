"""The radar over real worktrees and a daemon: what it sees, and that it leaves no trace."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import watchfiles
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.conflicts.bundles.collect import collect
from agentd.conflicts.bundles.whereabouts import find_worktree, place_within
from agentd.conflicts.bundles.worktree_snapshot import take_snapshot
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.repository import Repository, Worktree
from agentd.conflicts.radar.answer import Answer, Asked, Verdict
from agentd.conflicts.radar.bundles import KnownJournal
from agentd.conflicts.radar.check import look_around
from agentd.conflicts.radar.radar import Heat, Participant
from agentd.conflicts.radar.station import RadarStation, Sighting, follow
from agentd.conflicts.radar.worktrees import WorktreeSight
from agentd.conflicts.review import open_workplace
from agentd.errors import Unavailable
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import FileContent, Repo, numbered, only
from tests.fakes.patience import PATIENCE_SECS

LINES = numbered(40)

Files = Mapping[str, FileContent]


class Place:
    """A repository with worktrees for several agents."""

    def __init__(self, repo: Repo, private: Path) -> None:
        self.repo = repo
        self.daemon = FakeDaemon()
        self.private = private
        private.mkdir()

    def worktree(self, name: str, files: Files | None = None, branch: str | None = None) -> Path:
        path = self.repo.path.parent / "worktrees" / name
        options = ["--detach"] if branch is None else ["-b", branch]
        self.repo.git("worktree", "add", "--quiet", *options, str(path), "main")
        self.repo.write(files or {}, at=path)
        return path

    def station(self, **options: Any) -> RadarStation:
        workplace = open_workplace(self.repo.path, self.repo.home)
        return RadarStation(workplace, self.private, daemon=self.daemon, **options)

    def look(self, station: RadarStation | None = None) -> dict[frozenset[str], list[str]]:
        """Names of those who meet, to the heat and the places."""
        station = station or self.station()
        station.look_everywhere()
        return meetings(station.sighting())

    def check(self, path: str, worktree: Path, *names: str, directory: bool = False) -> Answer:
        asked = Asked(path, directory, worktree, frozenset(names))
        workplace = open_workplace(worktree, self.repo.home)
        return look_around(workplace, asked, daemon=self.daemon)


def meetings(sighting: Sighting) -> dict[frozenset[str], list[str]]:
    names = {each.participant_id: each.name for each in sighting.picture.participants}
    return {
        frozenset((names[each.left], names[each.right])): [
            each.heat.value,
            *(spot.path for spot in each.spots),
        ]
        for each in sighting.picture.encounters
    }


def pair(left: str, right: str, *told: str) -> dict[frozenset[str], list[str]]:
    return {frozenset((left, right)): list(told)}


@pytest.fixture
def place(make_repo: Callable[[Files], Repo], tmp_path: Path) -> Place:
    files = {"a.py": LINES, "b.py": LINES, "d/c.py": LINES, ".gitignore": "*.log\n"}
    return Place(make_repo(files), tmp_path / "private")


def digest_of(*directories: Path) -> str:
    """Over every file below: names, modes, bytes, and times but of objects.

    git freshens the time of an object, also a borrowed one, that it need not write again.
    """
    digest = hashlib.sha256()
    for path in sorted(each for directory in directories for each in directory.rglob("*")):
        status = path.lstat()
        written = 0 if "objects" in path.parts else status.st_mtime_ns
        digest.update(f"{path}\0{status.st_mode}\0{written}\0".encode())
        if path.is_file() and not path.is_symlink():
            digest.update(path.read_bytes())
    return digest.hexdigest()


# What is seen


def edit(path: str, line: int, text: str = "mine\n") -> dict[str, FileContent]:
    return {path: numbered(40, {line: text})}


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (edit("a.py", 5), edit("a.py", 5, "other\n"), ["hot", "a.py"]),
        (edit("a.py", 5), edit("a.py", 6, "other\n"), ["hot", "a.py"]),
        (edit("a.py", 5), edit("a.py", 30), ["soft", "a.py"]),
        (edit("a.py", 5), edit("a.py", 5), ["soft", "a.py"]),
        (edit("a.py", 5), edit("b.py", 5), None),
        ({"new.py": "1\n"}, {"new.py": "2\n"}, ["hot", "new.py"]),
        ({"a.py": None}, edit("a.py", 5), ["hot", "a.py"]),
        ({"a.py": None}, {"a.py": None}, ["soft", "a.py"]),
        ({"a.py": None, "moved.py": LINES}, edit("a.py", 5), ["soft", "a.py"]),
        ({"a.py": None, "one.py": LINES}, {"a.py": None, "two.py": LINES}, ["hot", "a.py"]),
        ({"n/x.py": "1\n"}, {"n": "file\n"}, ["hot", "n"]),
        ({"New.py": "1\n"}, {"new.py": "2\n"}, ["hot", "New.py"]),
        ({"bin": b"\0\1"}, {"bin": b"\0\2"}, ["hot", "bin"]),
        ({"x.log": "1\n"}, {"x.log": "2\n"}, None),
        ({"ä \udcff.py": "1\n"}, {"ä \udcff.py": "2\n"}, ["hot", "ä \udcff.py"]),
    ],
    ids=[
        *("same line", "next line", "far lines", "same text", "other files", "add add"),
        *("delete edit", "delete delete", "move edit", "move move", "file directory", "case"),
        *("binary", "ignored", "odd name"),
    ],
)
@pytest.mark.parametrize("committed", [False, True], ids=["uncommitted", "committed"])
def test_what_two_worktrees_do_to_each_other(
    place: Place, left: Files, right: Files, told: list[str] | None, committed: bool
) -> None:
    first, second = place.worktree("first", left), place.worktree("second", right)
    if committed:
        place.repo.commit("left", at=first)
        place.repo.git("add", "--all", at=second)
    found = place.look()
    if told is None:
        assert found == {}
    else:
        assert found[frozenset(("first", "second"))][:2] == told


def test_a_name_that_one_removes_and_another_begins_to_use(place: Place) -> None:
    """The texts merge, in different files."""
    place.repo.commit("code", {"lib.py": "def load():\n    return 1\n", "app.py": "x = 1\n"})
    place.worktree("remover", {"lib.py": "def fetch():\n    return 1\n"})
    user = place.worktree("user", {"app.py": "from lib import load\n\nx = load()\n"})
    station = place.station()
    assert place.look(station) == pair("remover", "user", "symbols", "app.py")
    (met,) = station.sighting().picture.encounters
    assert met.spots[0].symbol.endswith("load")
    place.repo.write({"app.py": "from lib import fetch\n\nx = 1\n"}, at=user)
    assert place.look(station) == {}
    place.repo.write({"app.py": "from lib import load\n\nx = load()\n"}, at=user)
    assert place.look(station) == pair("remover", "user", "symbols", "app.py")
    place.repo.commit("other tip", {"elsewhere": "x\n"})
    assert place.look(station) == pair("remover", "user", "symbols", "app.py")


def test_the_main_worktree_takes_part(place: Place) -> None:
    place.worktree("agent", edit("a.py", 5))
    place.repo.write(edit("a.py", 5, "by hand\n"))
    assert place.look() == pair("main", "agent", "hot", "a.py")


def test_lines_are_compared_on_the_targets_tip(place: Place) -> None:
    """Both worktrees start from an older commit, and the target has moved lines since."""
    place.worktree("old", edit("a.py", 20))
    place.repo.commit("moves down", {"a.py": "first\n" * 10 + LINES})
    place.worktree("new", {"a.py": "first\n" * 10 + numbered(40, {20: "other\n"})})
    station = place.station()
    assert place.look(station) == pair("old", "new", "hot", "a.py")
    (met,) = station.sighting().picture.encounters
    assert only(met.spots).lines == ((30, 30),)


def test_work_that_conflicts_with_the_target_is_behind(place: Place) -> None:
    place.worktree("agent", edit("a.py", 5))
    station = place.station()
    place.look(station)
    assert not station.sighting().picture.somebody_meets
    place.repo.commit("on main", edit("a.py", 5, "landed\n"))
    place.look(station)
    behind = {each.name: each.against_target for each in station.sighting().picture.participants}
    assert behind == {"main": (), "agent": ("a.py",)}
    assert station.sighting().picture.somebody_meets


@pytest.mark.parametrize("seen_from", ["bare", "first"])
def test_the_target_of_a_bare_repository_is_its_own_head(
    place: Place, tmp_path: Path, seen_from: str
) -> None:
    bare = tmp_path / "bare"
    place.repo.git("clone", "--quiet", "--bare", str(place.repo.path), str(bare))
    for name, text in (("first", "mine\n"), ("second", "other\n")):
        worktree = tmp_path / name
        place.repo.git("worktree", "add", "--quiet", "-b", name, str(worktree), "main", at=bare)
        place.repo.commit(name, edit("a.py", 5, text), at=worktree)
    workplace = open_workplace(tmp_path / seen_from, place.repo.home)
    station = RadarStation(workplace, place.private)
    assert place.look(station) == pair("first", "second", "hot", "a.py")
    assert station.sighting().target_ref == "refs/heads/main"


def test_work_that_has_landed_is_no_work(place: Place) -> None:
    agent = place.worktree("agent", edit("a.py", 5), branch="agent")
    place.repo.commit("done", at=agent)
    station = place.station()
    place.look(station)
    place.repo.git("merge", "--quiet", "--ff-only", "agent")
    place.look(station)
    assert [each.paths for each in station.sighting().picture.participants] == [(), ()]


@pytest.mark.parametrize(
    ("staged", "met"),
    [
        (("mv", "a.py", "moved.py"), ["soft", "a.py"]),
        (("rm", "--quiet", "a.py"), ["hot", "a.py"]),
    ],
    ids=["moved", "removed"],
)
def test_what_git_stages_with_the_files_is_seen_while_the_radar_runs(
    place: Place, staged: tuple[str, ...], met: list[str]
) -> None:
    """The index and the files agree, so that nothing differs from the index."""
    place.worktree("editor", edit("a.py", 5))
    agent = place.worktree("agent")
    station = place.station()
    assert place.look(station) == {}
    place.repo.git(*staged, at=agent)
    assert place.look(station) == pair("agent", "editor", *met)
    assert place.check("a.py", agent).verdict is not Verdict.FREE
    place.repo.git("reset", "--quiet", "--hard", at=agent)
    assert place.look(station) == {}


@pytest.mark.parametrize("asks", ["a.py", "."])
def test_staged_work_is_in_the_way_of_a_path(place: Place, asks: str) -> None:
    agent = place.worktree("agent", edit("a.py", 5))
    other = place.worktree("other")
    place.repo.git("add", "--all", at=agent)
    found = place.check(asks, other, directory=asks == ".")
    assert found.verdict is Verdict.SOFT
    place.repo.git("reset", "--quiet", "--hard", at=agent)
    assert place.check(asks, other, directory=asks == ".").verdict is Verdict.FREE


def test_a_very_large_file_is_told_apart_without_being_read(place: Place) -> None:
    """Its holes would be read as zeros, for minutes, and be kept in the quarantine."""
    agents = [place.worktree(name) for name in ("one", "two", "three")]
    for agent, size in zip(agents, (1 << 40, 1 << 40, 10), strict=True):
        with (agent / "core [1].bin").open("wb") as file:
            file.truncate(size)
    with (agents[2] / "a.py").open("r+b") as file:
        file.truncate(1 << 40)
    place.repo.write(edit("a.py", 5), at=agents[0])
    station = place.station()
    found = place.look(station)
    assert found[frozenset(("one", "two"))] == ["hot", "core [1].bin"]
    assert found[frozenset(("one", "three"))] == ["hot", "a.py", "core [1].bin"]
    assert place.check("core [1].bin", agents[1]).verdict is Verdict.HOT
    for agent in agents[1:]:
        (agent / "core [1].bin").unlink()
    place.repo.git("checkout", "--quiet", "a.py", at=agents[2])
    assert place.look(station) == {}


def test_a_rebase_takes_nobody_its_name(place: Place) -> None:
    """While it is at work no branch is checked out, and locks are held under the branch's name."""
    place.repo.branch("theirs", edit("a.py", 5, "theirs\n"))
    agent = place.worktree("agent", branch="topic/mine")
    place.repo.commit("mine", edit("a.py", 5), at=agent)
    assert not place.repo.succeeds("rebase", "theirs", at=agent)
    station = place.station()
    place.look(station)
    (mine,) = (each for each in station.sighting().picture.participants if each.trouble)
    assert (mine.name, mine.names) == ("topic/mine", frozenset({"topic/mine", "agent"}))
    found = find_worktree(agent)
    assert found is not None
    assert found.branch == "topic/mine"


def test_worktrees_come_and_go(place: Place) -> None:
    station = place.station()
    assert place.look(station) == {}
    place.worktree("one", edit("a.py", 5), branch="feature/x")
    gone = place.worktree("two", edit("a.py", 5, "other\n"))
    assert place.look(station) == pair("feature/x", "two", "hot", "a.py")
    place.repo.git("worktree", "remove", "--force", str(gone))
    assert place.look(station) == {}
    assert len(station.sighting().picture.participants) == 2


def test_a_worktree_that_cannot_be_read_says_why_and_hides_nobody(place: Place) -> None:
    place.worktree("one", edit("a.py", 5))
    place.worktree("two", edit("a.py", 5, "other\n"))
    place.repo.git("worktree", "add", "--quiet", "--detach", str(place.repo.path / "three"), "main")
    (place.repo.path / ".git/worktrees/three/HEAD").write_text("ref: refs/heads/unborn\n")
    orphan = place.worktree("four")
    place.repo.git("checkout", "--quiet", "--orphan", "alone", at=orphan)
    place.repo.commit("alone", at=orphan)
    station = place.station()
    assert place.look(station) == pair("one", "two", "hot", "a.py")
    troubles = {each.name: each.trouble for each in station.sighting().picture.participants}
    assert "no commit yet" in troubles["unborn"]
    assert "no history in common" in troubles["alone"]
    assert troubles["one"] == ""


def test_unresolved_conflicts_are_told(place: Place) -> None:
    place.repo.branch("theirs", edit("a.py", 5, "theirs\n"))
    agent = place.worktree("agent")
    place.repo.commit("mine", edit("a.py", 5), at=agent)
    assert not place.repo.succeeds("merge", "theirs", at=agent)
    station = place.station()
    place.look(station)
    troubles = {each.name: each.trouble for each in station.sighting().picture.participants}
    assert "unresolved conflicts in a.py" in troubles["agent"]


@pytest.mark.parametrize("size", ["same size", "other size"])
def test_a_file_written_in_the_second_of_the_index_is_seen(place: Place, size: str) -> None:
    """A change of equal length at the index's own time is what git calls racily clean."""
    agent = place.worktree("agent")
    place.worktree("other", edit("a.py", 5, "other\n"))
    station = place.station()
    place.look(station)
    index = place.repo.path / ".git/worktrees/agent/index"
    text = LINES.replace("line 5\n", "LINE 5\n" if size == "same size" else "changed\n")
    (agent / "a.py").write_text(text)
    stamp = index.stat().st_mtime_ns
    os.utime(agent / "a.py", ns=(stamp, stamp))
    assert place.look(station) == pair("agent", "other", "hot", "a.py")


def test_a_look_again_costs_no_snapshot(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = place.worktree("agent", edit("a.py", 5))
    place.worktree("other", edit("b.py", 5))
    station = place.station()
    place.look(station)
    snapshots: list[str] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        snapshots.append(Path(arguments[1]).name)
        return take_snapshot(*arguments, **options)

    monkeypatch.setattr("agentd.conflicts.radar.worktrees.take_snapshot", counted)
    place.look(station)
    assert snapshots == []
    place.repo.write({"x.log": "noise\n"}, at=agent)
    place.look(station)
    assert snapshots == []
    place.repo.write(edit("b.py", 5, "meets\n"), at=agent)
    assert place.look(station) == pair("agent", "other", "hot", "b.py")
    assert snapshots == ["agent"]


# No trace


def test_looking_writes_nothing_and_runs_nothing_of_the_users(place: Place, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho $0 $* >> {ran}\ncat\n")
    script.chmod(0o755)
    place.repo.commit("attributes", {".gitattributes": "*.py filter=spy merge=spy\n"})
    agent = place.worktree("agent", {**edit("a.py", 5), "untracked": "x\n"})
    place.worktree("other", edit("a.py", 5, "other\n"))
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for key, value in {
        "core.fsmonitor": str(script),
        "filter.spy.clean": str(script),
        "filter.spy.smudge": str(script),
        "merge.spy.driver": f"{script} %A",
        "core.hooksPath": str(hooks),
    }.items():
        place.repo.git("config", key, value)
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        (hooks / hook).symlink_to(script)
    before = digest_of(place.repo.path, agent.parent)
    station = place.station()
    assert place.look(station) == pair("agent", "other", "hot", "a.py")
    place.check("a.py", agent)
    place.check(".", agent, directory=True)
    assert digest_of(place.repo.path, agent.parent) == before
    assert not ran.exists()


# What the daemon knows


def patch_of(place: Place, files: Files) -> dict[str, Any]:
    return {
        "intent": "mend it",
        "base_revision": f"git:{place.repo.head()}",
        "patch": place.repo.patch_of(files).decode(),
    }


def test_bundles_of_locks_and_events_take_part(place: Place) -> None:
    place.worktree("agent", edit("a.py", 5))
    held = place.daemon.lock(
        "file:a.py", "codex", patch_of(place, edit("a.py", 5, "bundle\n")), provider="openai"
    )
    place.daemon.commit("result", "agy", patch_of(place, edit("b.py", 5)), provider="google")
    place.daemon.lock("file:b.py", "planner", {"intent": "later", "touched_paths": ["b.py"]})
    station = place.station()
    found = place.look(station)
    assert found == {
        **pair("agent", "codex", "hot", "a.py"),
        **pair("agy", "planner", "soft", "b.py"),
    }
    seen = station.sighting()
    assert seen.daemon
    assert {(t.participant[:2], t.lock.owner) for t in seen.picture.trespasses} == {
        ("w-", "codex"),
        ("b-", "planner"),
    }
    place.daemon.release(held)
    place.daemon.release(place.daemon.locks[0])
    station.look_at_journal()
    after = station.sighting()
    assert meetings(after) == pair("agent", "codex", "hot", "a.py"), "its lock is past, it is not"
    assert after.picture.trespasses == ()


@pytest.mark.parametrize("form", ["patch", "worktree", "branch", "owner"])
def test_a_bundle_does_not_meet_the_worktree_that_it_is_of(place: Place, form: str) -> None:
    agent = place.worktree("agent", edit("a.py", 5), branch="feature")
    bundles: dict[str, dict[str, Any]] = {
        "patch": patch_of(place, edit("a.py", 5)),
        "worktree": {"intent": "x", "worktree": str(agent)},
        "branch": {"intent": "x", "head_revision": "git:feature"},
        "owner": patch_of(place, edit("a.py", 5, "an earlier try\n")),
    }
    owner = "feature" if form == "owner" else "codex"
    place.daemon.lock("file:a.py", owner, bundles[form])
    station = place.station()
    assert place.look(station) == {}
    assert not station.sighting().picture.somebody_meets
    if form in ("patch", "worktree"):
        place.repo.write(edit("a.py", 6, "goes on\n"), at=agent)
        assert place.look(station) == {}
        assert not station.sighting().picture.somebody_meets


@pytest.mark.parametrize("named", ["a\0b", "circle", "n" * 3_000])
def test_a_worktree_that_cannot_be_hides_nobody(place: Place, named: str) -> None:
    place.worktree("agent", edit("a.py", 5))
    (place.repo.path / "circle").symlink_to("circle")
    place.daemon.lock("file:a.py", "codex", {"worktree": named, "touched_paths": [named]})
    station = place.station()
    place.look(station)
    assert "agent" in {each.name for each in station.sighting().picture.participants}


def test_what_was_known_stays_while_the_daemon_is_away(place: Place) -> None:
    place.worktree("agent", edit("a.py", 5))
    place.daemon.lock("file:a.py", "codex", {"intent": "x"})
    station = place.station()
    place.look(station)

    def away(method: str, params: Mapping[str, Any] | None = None) -> Any:
        raise Unavailable("daemon_unreachable", "nobody answers")

    real = place.daemon.call
    place.daemon.call = away  # type: ignore[method-assign]
    place.look(station)
    assert not station.sighting().daemon
    assert len(station.sighting().picture.trespasses) == 1
    place.daemon.call = real  # type: ignore[method-assign]
    place.daemon.release(place.daemon.locks[0])
    place.look(station)
    assert station.sighting().daemon
    assert not station.sighting().picture.somebody_meets


happenings = st.lists(
    st.tuples(
        st.sampled_from(["lock", "release", "event", "look"]),
        st.sampled_from(["file:a", "file:b"]),
        st.sampled_from(["codex", "agy"]),
        st.sampled_from([{}, {"intent": "one"}, {"intent": "two", "touched_paths": ["a"]}]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(happenings)
def test_a_journal_read_once_says_what_the_whole_journal_says(
    history: Sequence[tuple[str, str, str, dict[str, Any]]],
) -> None:
    daemon = FakeDaemon()
    journal = KnownJournal(daemon)
    for what, key, owner, said in history:
        held = [lock for lock in daemon.locks if lock["resource_key"] == key]
        if what == "lock" and not held:
            daemon.lock(key, owner, said)
        elif what == "release" and held:
            daemon.release(held[0])
        elif what == "event":
            daemon.commit("progress", owner, said, node=key)
        else:
            assert collect(journal, "/r") == collect(daemon, "/r")
    assert collect(journal, "/r") == collect(daemon, "/r")


# One path


def test_check_tells_who_changes_a_path(place: Place) -> None:
    me = place.worktree("me", edit("a.py", 5))
    place.worktree("near", edit("a.py", 5, "other\n"))
    place.worktree("far", {**edit("a.py", 30), **edit("d/c.py", 1)})
    place.daemon.commit("result", "agy", patch_of(place, edit("b.py", 5)))
    found = place.check("a.py", me)
    assert found.verdict is Verdict.HOT
    told = {each.participant.name: each.encounter and each.encounter.heat for each in found.others}
    assert told == {"near": Heat.HOT, "far": Heat.SOFT}
    assert place.check("b.py", me).verdict is Verdict.SOFT
    assert place.check("b.py", me, "agy").verdict is Verdict.FREE, "it is my own bundle"
    assert place.check("nothing.py", me).verdict is Verdict.FREE
    (below,) = place.check("d", me, directory=True).others
    assert below.participant.paths == ("d/c.py",)
    assert place.check(".", me, directory=True).verdict is Verdict.HOT


def test_check_looks_only_at_worktrees_that_may_touch_the_path(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = place.worktree("me", edit("a.py", 5))
    place.repo.commit("in the past", edit("a.py", 40), at=place.worktree("committed"))
    place.worktree("elsewhere", edit("b.py", 5))
    seen: list[str] = []
    real = WorktreeSight.see

    def noted(self: WorktreeSight, worktree: Worktree) -> Participant:
        seen.append(worktree.path.name)
        return real(self, worktree)

    monkeypatch.setattr(WorktreeSight, "see", noted)
    assert place.check("b.txt", me).verdict is Verdict.FREE
    assert seen == []
    assert place.check("d/c.py", me).verdict is Verdict.FREE
    assert seen == []
    place.worktree("untouched")
    assert place.check("a.py", me).verdict is Verdict.SOFT
    assert sorted(seen) == ["committed", "elsewhere", "me"], "the caller's names may matter to all"
    seen.clear()
    other = place.worktree("other")
    assert place.check("a.py", other).verdict is Verdict.SOFT
    assert sorted(seen) == ["committed", "me", "other"]


LIBRARY = {"lib.py": "def load():\n    return 1\n", "app.py": "x = 1\n", "notes.md": "n\n"}


def test_check_tells_of_names_that_break_at_either_end(place: Place) -> None:
    place.repo.commit("code", LIBRARY)
    remover = place.worktree("remover", {"lib.py": "def fetch():\n    return 1\n"})
    user = place.worktree("user", {"app.py": "from lib import load\n\nx = load()\n"})
    for path, asker, other in (
        ("lib.py", remover, "user"),
        ("app.py", remover, "user"),
        ("lib.py", user, "remover"),
        ("app.py", user, "remover"),
    ):
        found = place.check(path, asker)
        assert found.verdict is Verdict.SYMBOLS, (path, other)
        (met,) = found.others
        assert met.participant.name == other
        assert met.encounter is not None
        (spot,) = met.encounter.spots
        assert (spot.path, spot.symbol) == ("app.py", "load")
        assert "app.py:1 of user imports" in spot.message
        assert "which remover removed from lib.py:1" in spot.message
    assert place.check("notes.md", user).verdict is Verdict.FREE
    assert place.check(".", user, directory=True).verdict is Verdict.SYMBOLS
    assert place.check("d", user, directory=True).verdict is Verdict.FREE
    bystander = place.worktree("bystander", {"notes.md": "m\n"})
    assert place.check("app.py", bystander).verdict is Verdict.SOFT


def test_check_tells_of_lines_before_names(place: Place) -> None:
    place.repo.commit("code", LIBRARY)
    mine = {"lib.py": "def fetch():\n    return 1\n", "app.py": "x = 2\n"}
    remover = place.worktree("remover", mine)
    place.worktree("user", {"app.py": "from lib import load\n\nx = load()\n"})
    assert place.check("app.py", remover).verdict is Verdict.HOT
    assert place.check("lib.py", remover).verdict is Verdict.FREE, "they do not merge as it is"


# Where things are


def test_whereabouts_are_what_git_says(place: Place, tmp_path: Path) -> None:
    linked = place.worktree("linked", branch="x/y")
    inner = place.repo.path / "d"
    for directory in (place.repo.path, inner, linked):
        found = find_worktree(directory)
        said = Repository(directory, GitProcess())
        assert found is not None
        assert (found.namespace, found.git_dir) == (said.namespace, said.git_dir)
    found = find_worktree(linked)
    assert found is not None
    assert (found.branch, found.worktree) == ("x/y", linked)
    bare = tmp_path / "bare.git"
    place.repo.git("clone", "--quiet", "--bare", str(place.repo.path), str(bare))
    assert find_worktree(bare) is None
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / ".git").write_text("gitdir: /nowhere\n")
    assert find_worktree(odd) is None


def test_a_path_is_named_as_the_repository_names_it(tmp_path: Path) -> None:
    root = tmp_path / "real"
    (root / "d").mkdir(parents=True)
    (tmp_path / "alias").symlink_to(root)
    (root / "link").symlink_to("/etc")
    assert place_within(root / "d/../x//y.py", root) == "x/y.py"
    assert place_within(tmp_path / "alias/d", root) == "d"
    assert place_within(root / "link", root) == "link"
    assert place_within(root, root) == "."
    assert place_within(tmp_path / "other", root) is None


# Following


class Follower:
    """Runs the radar in a thread and hands its sightings over."""

    def __init__(self, station: RadarStation) -> None:
        self.armed = threading.Event()
        self._seen: list[Sighting] = []
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(station,))
        self._thread.start()

    def _run(self, station: RadarStation) -> None:
        sightings = follow(station, None, announced=self.armed.set)
        for sighting in sightings:
            with self._changed:
                self._seen.append(sighting)
                self._changed.notify_all()
            if self._over.is_set():
                break
        sightings.close()

    def wait_for(self, wanted: Callable[[Sighting], bool]) -> Sighting:
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self._seen)), PATIENCE_SECS)
            return next(filter(wanted, self._seen))

    def end(self, stir: Callable[[], None]) -> None:
        self._over.set()
        stir()
        self._thread.join(PATIENCE_SECS)
        assert not self._thread.is_alive()


@pytest.fixture(params=["told", "blind"])
def watched(
    request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Place, Path, Follower]]:
    """A radar that follows, with and without the system's help."""
    if request.param == "blind":

        def refuse(*paths: object, **options: object) -> Iterator[object]:
            raise OSError(28, "no watches left")

        monkeypatch.setattr(watchfiles, "watch", refuse)
    agent = place.worktree("agent", edit("a.py", 5))
    follower = Follower(place.station())
    yield place, agent, follower
    follower.end(lambda: place.repo.write({"stirred": "x\n"}, at=agent))


def test_a_saved_file_is_seen(watched: tuple[Place, Path, Follower]) -> None:
    place, agent, follower = watched
    assert follower.armed.wait(PATIENCE_SECS)
    other = place.worktree("other")
    follower.wait_for(lambda seen: len(seen.picture.participants) == 3)
    place.repo.write(edit("a.py", 5, "other\n"), at=other)
    follower.wait_for(lambda seen: meetings(seen) == pair("agent", "other", "hot", "a.py"))
    place.repo.write({"a.py": LINES}, at=agent)
    follower.wait_for(
        lambda seen: (
            len(seen.picture.participants) == 3
            and seen.picture.encounters == ()
            and all(each.paths == () for each in seen.picture.participants if each.name == "agent")
        )
    )
    place.repo.commit("landed", edit("a.py", 5, "landed\n"))
    follower.wait_for(lambda seen: any(each.against_target for each in seen.picture.participants))
