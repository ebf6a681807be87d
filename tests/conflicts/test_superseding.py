"""A named bundle takes the places of those that it stands for, and nobody else can do that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.review import ReviewOutcome
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    findings_of,
    numbered,
    object_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
CODEX = {"a.txt": numbered(9, {5: "codex\n"})}
AGY = {"a.txt": numbered(9, {5: "agy\n"})}
BOTH = {"a.txt": numbered(9, {5: "codex\nagy\n"})}


class Scene:
    """Two agents who hold locks on one file that both change."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.daemon = FakeDaemon()
        self.hand_in("codex", CODEX)
        self.hand_in("agy", AGY, key="file:other.txt")

    def bundle(self, owner: str, files: Mapping[str, FileContent], **more: Any) -> dict[str, Any]:
        base = f"git:{self.repo.head('main')}"
        patch = self.repo.patch_of(files).decode()
        return {"owner": owner, "base_revision": base, "patch": patch, **more}

    def hand_in(
        self, owner: str, files: Mapping[str, FileContent], *, key: str = "file:a.txt", **more: Any
    ) -> None:
        self.daemon.lock(key, owner, self.bundle(owner, files, **more))

    def review(self, *named: Bundle) -> ReviewOutcome:
        return self.repo.review(*named, daemon=self.daemon)

    def ids(self) -> dict[str, str]:
        return {each["owner"]: each["bundle_id"] for each in self.review().record["bundles"]}

    def merged(self, supersedes: object) -> Bundle:
        return object_bundle("both", self.bundle("both", BOTH, supersedes=supersedes))


@pytest.fixture
def scene(make_repo: MakeRepo) -> Scene:
    return Scene(make_repo({"a.txt": numbered(9)}))


def test_what_it_stands_for_is_left_out_with_its_locks_and_told(scene: Scene) -> None:
    ids = scene.ids()
    assert actions(scene.review(scene.merged([]))) == {
        "codex": "merge",
        "agy": "wait",
        "both": "wait",
    }
    outcome = scene.review(scene.merged([*ids.values()]))
    assert actions(outcome) == {"both": "merge"}
    told = findings_of(outcome, "both")["supersedes"]
    assert told["severity"] == "warning"
    assert f"{ids['codex']} of codex" in told["message"]
    assert f"{ids['agy']} of agy" in told["message"]


def test_who_is_not_named_keeps_his_place_and_his_lock(scene: Scene) -> None:
    ids = scene.ids()
    assert actions(scene.review(scene.merged([ids["agy"]]))) == {"codex": "merge", "both": "wait"}


def test_who_went_on_working_keeps_his_place_and_his_lock(scene: Scene) -> None:
    named = scene.merged([*scene.ids().values()])
    scene.daemon.locks.pop(0)
    scene.hand_in("codex", {"a.txt": numbered(9, {5: "codex again\n"})})
    assert actions(scene.review(named)) == {"codex": "merge", "both": "wait"}


@pytest.mark.parametrize("said", [None, "all", {"b": 1}, [None, 3], ["b-00000000000000000000"]])
def test_odd_ids_take_nobodys_place(scene: Scene, said: object) -> None:
    outcome = scene.review(scene.merged(said))
    assert set(actions(outcome)) == {"codex", "agy", "both"}
    assert "supersedes" not in findings_of(outcome, "both")


def test_an_agent_takes_nobodys_place_by_itself(scene: Scene) -> None:
    scene.hand_in("both", BOTH, key="file:third.txt", supersedes=[*scene.ids().values()])
    assert actions(scene.review()) == {"codex": "merge", "agy": "wait", "both": "wait"}


def test_it_takes_the_places_of_others_that_are_named_too(scene: Scene) -> None:
    """Their user named both; what one stands for need not be judged beside it."""
    codex = object_bundle("codex", scene.bundle("codex", CODEX))
    scene.daemon = FakeDaemon()
    ids = {each["owner"]: each["bundle_id"] for each in scene.review(codex).record["bundles"]}
    outcome = scene.review(codex, scene.merged([ids["codex"]]))
    assert actions(outcome) == {"both": "merge"}
    assert f"{ids['codex']} of codex" in findings_of(outcome, "both")["supersedes"]["message"]


def test_named_ones_that_stand_for_one_another_all_stay(scene: Scene) -> None:
    scene.daemon = FakeDaemon()
    files = {"one": CODEX, "two": AGY}

    def made(says: Mapping[str, object]) -> list[Bundle]:
        return [
            object_bundle(owner, scene.bundle(owner, files[owner], supersedes=says.get(owner)))
            for owner in files
        ]

    ids = {each["owner"]: each["bundle_id"] for each in scene.review(*made({})).record["bundles"]}
    outcome = scene.review(*made({"one": [ids["two"]], "two": [ids["one"]]}))
    assert set(actions(outcome)) == {"one", "two"}


@pytest.mark.parametrize("early", ["0001-01-01T00:00:00Z", "", "!"])
def test_a_date_that_an_agent_states_gets_it_ahead_of_nobody(
    make_repo: MakeRepo, early: str
) -> None:
    """The daemon saw the other one first, by its own clock."""
    scene = Scene(make_repo({"a.txt": numbered(9)}))
    scene.daemon = FakeDaemon()
    scene.hand_in("seen-first", CODEX, key="file:x.txt")
    scene.hand_in("sly", AGY, key="file:y.txt", created_at=early)
    sly_file = object_bundle("sly-file", scene.bundle("sly-file", BOTH, created_at=early))
    assert actions(scene.review(sly_file)) == {
        "seen-first": "merge",
        "sly": "rebase",
        "sly-file": "rebase",
    }
