"""The replays of real history, on a history that is made here: what they judge, and how."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.conflicts.merges.result import MergeMessage, MergeResult
from agentd.conflicts.symbols.sides import FileChange, Side
from agentd.conflicts.symbols.summary_cache import SummaryCache
from benchmarks.replay.cases import Replay
from benchmarks.replay.git_history import GitHistory
from benchmarks.replay.one_merge import POLICY, Shape, review_record
from benchmarks.replay.open_pulls import check_pairs, open_at
from benchmarks.replay.semantic import may_meet, measure_rate
from benchmarks.replay.verdicts import EngineAnswer, Outcome, compare, read_record, recorded_answer
from tests.conflicts.repo_builder import Repo, numbered

TEN = numbered(10)
NO_TREE = "0" * 40
KINDS = {"a.txt": "content", "b.txt": "modify/delete"}
"""What conflicts where."""


def edited(line: int, text: str) -> str:
    return numbered(10, {line: f"{text}\n"})


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A history with merges that git makes, and some that it could not."""
    repo = Repo.create(tmp_path / "work", tmp_path / "home", {"a.txt": TEN, "b.txt": TEN})
    start = repo.head()
    repo.branch("disjoint", {"b.txt": edited(3, "three")})
    repo.branch("same-file", {"a.txt": edited(9, "nine")})
    repo.branch("same-line", {"a.txt": edited(1, "uno")})
    repo.branch("deletion", {"b.txt": None})
    repo.commit("on", {"a.txt": edited(1, "one")})
    for name, resolution in (
        ("disjoint", None),
        ("same-file", None),
        ("same-line", {"a.txt": numbered(10, {1: "one\n", 9: "nine\n"})}),
        ("deletion", {"b.txt": None}),
    ):
        if resolution is None:
            repo.git("merge", "--quiet", "--no-ff", "--no-edit", name)
        else:
            repo.git("merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", name)
            repo.commit(f"merge {name} by hand", resolution)
    assert repo.head() != start
    return repo


@pytest.fixture
def history(repo: Repo, tmp_path: Path) -> Iterator[GitHistory]:
    made = GitHistory(repo.path / ".git", tmp_path / "objects")
    yield made
    made.close()


def replay(directory: Path, shape: Shape = Shape.PAIR) -> Replay:
    return Replay(directory, shape, POLICY, io.StringIO())


@pytest.mark.parametrize("shape", list(Shape))
def test_every_merge_is_judged_as_git_does(repo: Repo, tmp_path: Path, shape: Shape) -> None:
    run = replay(tmp_path / "run", shape)
    run.all_merges(repo.path, limit=0, every=1, several_bases=False)
    assert dict(run.tally) == {Outcome.SAME_CLEAN: 2, Outcome.SAME_CONFLICT: 2}


def test_recorded_cases_are_held_against_the_record(
    repo: Repo, history: GitHistory, tmp_path: Path
) -> None:
    cases = []
    for merge in history.merges():
        (base,) = history.merge_bases(merge.left, merge.right)
        answer = history.merge_results([merge])[merge]
        paths = list(answer.conflicted_paths)
        cases.append(
            {
                "repo": "ada/work",
                "base": base,
                "left": merge.left,
                "right": merge.right,
                "merge": merge.commit,
                "n_bases": 1,
                "git_verdict": "clean" if answer.clean else "conflict",
                "kinds": [KINDS[path] for path in paths],
                "conflicted_paths": paths,
                "merged_tree": answer.tree,
            }
        )
    cases[-1]["merged_tree"] = NO_TREE
    cases.append({**cases[0], "repo": "ada/elsewhere"})
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(json.dumps(case) + "\n" for case in cases))
    run = replay(tmp_path / "run")
    run.recorded(tmp_path, file)
    assert dict(run.tally) == {
        Outcome.SAME_CLEAN: 1,
        Outcome.SAME_CONFLICT: 2,
        Outcome.OTHER_TREE: 1,
    }
    assert dict(run.skipped) == {"no clone of ada/elsewhere": 1}
    assert isinstance(run.out, io.StringIO)
    (difference,) = run.out.getvalue().splitlines()
    assert json.loads(difference)["outcome"] == "other_tree"


@pytest.mark.parametrize("shape", list(Shape))
def test_what_the_projects_attributes_keep_apart_is_no_difference(
    repo: Repo, tmp_path: Path, shape: Shape
) -> None:
    """Far lines of one file merge for git in a bare clone, which reads no attributes."""
    ruled = "data/*.txt merge=binary\n"
    repo.commit("rule", {".gitattributes": ruled, "data/c.txt": TEN})
    repo.branch("far", {"data/c.txt": edited(9, "nine")})
    repo.commit("near", {"data/c.txt": edited(1, "one")})
    repo.git("merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", "far")
    repo.commit("merge far", {})
    run = replay(tmp_path / "run", shape)
    run.all_merges(repo.path, limit=1, every=1, several_bases=False)
    assert dict(run.tally) == {Outcome.RULED: 1}


def test_what_the_clone_lacks_is_nobodys_verdict(
    repo: Repo, history: GitHistory, tmp_path: Path
) -> None:
    (merge,) = [each for each in history.merges() if history.tree(each.commit)][:1]
    blob = repo.git("rev-parse", f"{merge.right}^:a.txt")
    (repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert history.lacks_objects(f"{merge.right}^")
    run = replay(tmp_path / "run")
    run.all_merges(repo.path, limit=0, every=1, several_bases=False)
    assert run.tally[Outcome.ENGINE_ERROR] == 0
    assert run.tally[Outcome.CLONE_ERROR] > 0


def test_the_rate_is_measured_in_several_runs(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest merge is a silent conflict; of the others two are clean, one with files apart."""
    repo.commit("code", {"tool.py": "def load():\n    pass\n"})
    repo.branch("use", {"use.py": "from tool import load\n\nload()\n"})
    repo.commit("rename", {"tool.py": "def read():\n    pass\n"})
    repo.git("merge", "--quiet", "--no-ff", "--no-edit", "use")
    out = tmp_path / "seen.jsonl"
    for limit, seen in ((1, 1), (2, 3), (0, 5)):
        scratch, cache = tmp_path / "objects", SummaryCache(tmp_path / "summaries")
        measure_rate(repo.path, scratch, cache, limit=limit, secs=60, out=out)
        assert len(out.read_text().splitlines()) == seen
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({line["merge"] for line in lines}) == 5
    assert Counter(line["outcome"] for line in lines) == {
        "stopped": 1,
        "no clean merge": 2,
        "passed": 1,
        "apart": 1,
    }
    assert [level for level, _ in lines[0]["findings"]] == ["S1"]
    assert "3333.3 of 10,000 clean merges stopped" in capsys.readouterr().out


def side(*paths: str) -> Side:
    return Side(NO_TREE, {path: FileChange(None, path) for path in paths})


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ("a.py", "b.py", True),
        ("a.ts", "b.js", True),
        ("a.py", "b.go", False),
        ("a.toml", "a.toml", True),
        ("a.toml", "b.toml", False),
        ("app/migrations/0002_a.sql", "app/migrations/0002_b.sql", True),
        ("app/migrations/0002_a.sql", "b.sql", False),
    ],
)
def test_by_paths_alone_some_sides_cannot_meet(left: str, right: str, wanted: bool) -> None:
    assert may_meet(side(left), side(right)) is wanted


CLEAN = MergeResult(NO_TREE, clean=True)  # type: ignore[arg-type]
CONFLICT = recorded_answer(
    {
        "kinds": ["content", "modify/delete"],
        "conflicted_paths": ["a"],
        "git_verdict": "conflict",
        "merged_tree": NO_TREE,
    }
)


def record(action: str, reason: str, *findings: dict[str, object]) -> dict[str, object]:
    return {
        "decisions": [{"action": action, "reasons": [{"reason": reason, "message": "why"}]}],
        "integration": {"tree": NO_TREE},
        "findings": list(findings),
    }


def finding(kind: str, **evidence: object) -> dict[str, object]:
    return {"kind": kind, "evidence": evidence}


@pytest.mark.parametrize(
    ("said", "git", "outcome"),
    [
        (record("merge", "unverified"), CLEAN, Outcome.SAME_CLEAN),
        (record("merge", "unverified"), CONFLICT, Outcome.MISSED),
        (
            record("rebase", "stale_conflict", finding("stale_conflict", kinds=["content"])),
            CONFLICT,
            Outcome.SAME_CONFLICT,
        ),
        (
            record("rebase", "conflicts_with_merged", finding("adjacent_conflict")),
            CONFLICT,
            Outcome.SAME_CONFLICT,
        ),
        (
            record("rebase", "conflicts_with_merged", finding("binary_conflict")),
            CONFLICT,
            Outcome.OTHER_KIND,
        ),
        (
            record("rebase", "conflicts_with_merged", finding("content_conflict", git=["x"])),
            CLEAN,
            Outcome.INVENTED,
        ),
        (
            record(
                "rebase",
                "conflicts_with_merged",
                finding("tree_conflict", git=[], judged_by="git"),
            ),
            CLEAN,
            Outcome.CASE_TWIN,
        ),
        (record("rebase", "symbol_conflict"), CLEAN, Outcome.SILENT),
        (record("escalate", "ledger_mismatch"), CLEAN, Outcome.LEDGER),
        (record("reject", "forbidden"), CONFLICT, Outcome.POLICY),
        (record("reject", "empty"), CLEAN, Outcome.EMPTY),
    ],
)
def test_each_difference_has_its_name(
    said: dict[str, object], git: MergeResult, outcome: Outcome
) -> None:
    assert compare(read_record(said), git) is outcome


def test_a_conflict_of_which_git_names_no_file_is_one() -> None:
    git = MergeResult(CLEAN.tree, False, (), (MergeMessage("CONFLICT (contents)", ("a",), ""),))
    assert compare(EngineAnswer(NO_TREE), git) is Outcome.MISSED


@pytest.fixture
def pulls(tmp_path: Path) -> Repo:
    """Pull requests of a day: two that conflict, one elsewhere, one stale, one landed, one old."""
    repo = Repo.create(tmp_path / "work", tmp_path / "home", {"a.txt": TEN, "b.txt": TEN})
    repo.branch("old", {"b.txt": edited(8, "eight")})
    for _ in range(3 * 24 * 60):
        repo.tick()
    heads = {
        "one": repo.branch("one", {"a.txt": edited(1, "one")}),
        "uno": repo.branch("uno", {"a.txt": edited(1, "uno")}),
        "else": repo.branch("else", {"b.txt": edited(2, "two")}),
        "stale": repo.branch("stale", {"b.txt": edited(9, "ix")}),
        "old": repo.head("old"),
    }
    repo.commit("on", {"b.txt": edited(9, "nine")})
    heads["landed"] = repo.head()
    for number, head in enumerate(heads.values()):
        repo.git("update-ref", f"refs/pull/{number}/head", head)
    return repo


def test_what_was_open_on_a_day(pulls: Repo, tmp_path: Path) -> None:
    history = GitHistory(pulls.path / ".git", tmp_path / "objects")
    seconds = int(pulls.git("show", "-s", "--format=%ct", "main"))
    day = open_at(history, f"@{seconds + 1}", days=2)
    assert day.tip == pulls.head("main")
    assert set(day.heads) == {pulls.head(name) for name in ("one", "uno", "else", "stale")}
    history.close()


def test_the_pair_pass_is_held_against_git(pulls: Repo, tmp_path: Path) -> None:
    history = GitHistory(pulls.path / ".git", tmp_path / "objects")
    heads = [pulls.head(name) for name in ("one", "uno", "else", "stale")]
    record = review_record(pulls.path, tmp_path / "agentd", pulls.head("main"), heads)
    checked = check_pairs(history, pulls.head("main"), record, 100)
    assert (checked.live, checked.pairs, checked.checked, checked.conflicts) == (3, 3, 3, 1)
    assert checked.missed == checked.invented == ()
    blind = check_pairs(history, pulls.head("main"), {**record, "edges": []}, 100)
    assert [set(pair) for pair in blind.missed] == [{pulls.head("one"), pulls.head("uno")}]
    edge = record["edges"][0]
    other = next(each["bundle_id"] for each in record["bundles"] if each["owner"] == heads[2])
    seeing_more = {**record, "edges": [edge, {**edge, "right": other}]}
    assert len(check_pairs(history, pulls.head("main"), seeing_more, 2).invented) == 1
    history.close()
