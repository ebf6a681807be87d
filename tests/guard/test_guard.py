"""git itself, with the guard in its hooks, against a real daemon."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import Command
from tests.fakes.many_locks import lock_many
from tests.guard.conftest import Git, lock

PRICING = "shop/pricing.py"
SHIPPING = "    return SHIPPING\n"


def change(worktree: Path, path: str = PRICING) -> None:
    """Changes a file."""
    file = worktree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + "# more\n")


def commit(git: Git, *arguments: str, at: Path | None = None, **variables: str) -> str | None:
    """None where git commits; else what it says."""
    done = git("commit", "--message", "work", *arguments, at=at, **variables)
    if done.code == 0:
        assert "agentd guard: this commit" not in done.said
        return None
    assert "Traceback" not in done.said
    return done.said


class TestCommits:
    def test_of_what_somebody_else_has_locked(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        change(guarded)
        change(guarded, "README.md")
        git("add", "--all")
        said = commit(git)
        assert said is not None
        assert f'"{PRICING}" is held by "codex-a" (provider "openai") until 2' in said
        assert 'Its intent, quoted: "retry policy".' in said
        assert "README.md" not in said
        assert "git restore --staged" in said
        # As it says: without that file the rest can be committed.
        git("restore", "--staged", PRICING)
        assert commit(git) is None

    def test_of_other_files(self, guarded: Path, git: Git, daemon: StartedDaemon) -> None:
        lock(daemon, "file:shop/receipt.py", namespace=guarded)
        change(guarded)
        assert commit(git, "--all") is None

    def test_the_index_counts_and_not_the_worktree(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        change(guarded)
        change(guarded, "README.md")
        assert commit(git, "README.md") is None
        assert commit(git, PRICING) is not None
        git("add", PRICING)
        # A commit of named files has an index of its own.
        change(guarded, "README.md")
        assert commit(git, "--only", "README.md") is None

    @pytest.mark.parametrize("key", [f"file:{PRICING}", "file:shop/prices.py", "dir:shop"])
    def test_a_moved_file_is_its_old_name_and_its_new_one(
        self, guarded: Path, git: Git, daemon: StartedDaemon, key: str
    ) -> None:
        lock(daemon, key, namespace=guarded)
        git("mv", PRICING, "shop/prices.py")
        assert commit(git) is not None

    def test_a_deleted_file(self, guarded: Path, git: Git, daemon: StartedDaemon) -> None:
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        git("rm", "--quiet", PRICING)
        assert commit(git) is not None

    @pytest.mark.parametrize("name", ["two\nlines", 'quo"te\t', "é ü", " ", "-x", "a b/c'd"])
    def test_odd_names(self, guarded: Path, git: Git, daemon: StartedDaemon, name: str) -> None:
        lock(daemon, f"file:{name}", namespace=guarded)
        change(guarded, name)
        git("add", "--all")
        said = commit(git)
        assert said is not None
        assert "is held by" in said

    def test_a_name_that_is_no_text(self, guarded: Path, git: Git, daemon: StartedDaemon) -> None:
        lock(daemon, "dir:shop", namespace=guarded)
        change(guarded, "caf\udce9")
        git("add", "--all")
        assert commit(git) is None
        change(guarded, "shop/caf\udce9")
        git("add", "--all")
        assert commit(git) is not None

    def test_a_lock_of_no_repository_may_be_this_ones(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        lock(daemon, f"file:{PRICING}")
        change(guarded)
        assert commit(git, "--all") is not None

    def test_of_very_many_locks_none_is_overlooked(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        with daemon.client() as client:
            lock_many(client, "dir:shop", owner="codex-a", namespace=str(guarded))
        change(guarded)
        assert commit(git, "--all") is not None

    def test_a_lock_of_another_repository(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        lock(daemon, f"file:{PRICING}", namespace="/elsewhere")
        change(guarded)
        assert commit(git, "--all") is None

    def test_a_linked_worktree_is_of_the_same_repository(
        self, guarded: Path, git: Git, shop: ShopRepository, daemon: StartedDaemon
    ) -> None:
        worktree = guarded.parent / "worktrees" / "w"
        shop.add_worktree(worktree)
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        change(worktree)
        assert commit(git, "--all", at=worktree / "shop") is not None

    def test_the_first_commit_of_all(
        self, git: Git, coord: Command, directory: Path, daemon: StartedDaemon
    ) -> None:
        new = directory / "new"
        git("init", "--quiet", str(new))
        assert coord("guard", "install", at=new).code == 0
        lock(daemon, "file:a", namespace=new)
        change(new, "a")
        git("add", "--all", at=new)
        assert commit(git, at=new) is not None

    def test_many_files_are_told_shortly(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        lock(daemon, "dir:many", namespace=guarded, intent="\x1b[31mred\n" * 100)
        for number in range(40):
            change(guarded, f"many/{number}")
        git("add", "--all")
        said = commit(git)
        assert said is not None
        assert "and 32 more." in said
        assert "\x1b" not in said
        assert 'through its lock "dir:many"' in said


class TestMerges:
    def test_what_others_committed_is_no_work_of_whoever_merges(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        git("checkout", "--quiet", "-b", "theirs")
        change(guarded)
        assert commit(git, "--all") is None
        git("checkout", "--quiet", "main")
        change(guarded, "README.md")
        assert commit(git, "--all") is None
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        assert git("merge", "--no-commit", "theirs").code == 0
        assert commit(git) is None

    def test_what_is_resolved_by_hand_is(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        git("checkout", "--quiet", "-b", "theirs")
        change(guarded)
        assert commit(git, "--all") is None
        git("checkout", "--quiet", "main")
        (guarded / PRICING).write_text("# another\n")
        assert commit(git, "--all") is None
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        assert git("merge", "theirs").code != 0
        (guarded / PRICING).write_text("# both\n")
        assert commit(git, "--all") is not None


class TestWhoIAm:
    def test_a_supervised_session(self, guarded: Path, git: Git, daemon: StartedDaemon) -> None:
        lock(daemon, f"file:{PRICING}", "fix-tests", namespace=guarded)
        change(guarded)
        assert commit(git, "--all", AGENTD_SESSION_ID="somebody") is not None
        assert commit(git, "--all", AGENTD_SESSION_ID="fix-tests") is None

    def test_a_configured_owner(self, guarded: Path, git: Git, daemon: StartedDaemon) -> None:
        lock(daemon, f"file:{PRICING}", "me", namespace=guarded)
        change(guarded)
        said = commit(git, "--all")
        assert said is not None
        assert "git config agentd.owner NAME" in said
        git("config", "agentd.owner", "me")
        assert commit(git, "--all") is None

    @pytest.mark.parametrize("owner", ["shop", "main"])
    def test_the_directory_and_the_branch(
        self, guarded: Path, git: Git, daemon: StartedDaemon, owner: str
    ) -> None:
        lock(daemon, f"file:{PRICING}", owner, namespace=guarded)
        change(guarded)
        assert commit(git, "--all") is None

    def test_a_run_in_a_worktree_of_its_own(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        lock(daemon, f"file:{PRICING}", "codex-7", namespace=guarded)
        git("checkout", "--quiet", "-b", "agentd/codex-7")
        change(guarded)
        assert commit(git, "--all") is None

    def test_an_agent_that_only_its_hook_knows_commits_and_pushes_its_own_work(
        self, guarded: Path, git: Git, environment: dict[str, str], daemon: StartedDaemon
    ) -> None:
        """Two vendors' programs in one checkout: each runs its hook and git as its children."""
        import agentd.hook.__main__ as hook

        program = textwrap.dedent(
            f"""
            import json, subprocess, sys
            path = sys.argv[1]
            payload = {{"hook_event_name": "PreToolUse", "session_id": sys.argv[2],
                        "cwd": ".", "tool_name": "Edit", "tool_input": {{"file_path": path}}}}
            subprocess.run(["sh", "-c", '"$0" "$@"; true', sys.executable, "-I", "-S",
                            {str(hook.__file__)!r}, "claude_code"],
                           input=json.dumps(payload), text=True, check=True)
            open(path, "a").write("# more\\n")
            print("ready", flush=True)
            for line in sys.stdin:
                done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
                print(done.returncode, flush=True)
            """
        )

        def agent(path: str, session: str) -> subprocess.Popen[str]:
            started = subprocess.Popen(
                [sys.executable, "-c", program, path, session],
                cwd=guarded,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert ask(started) == "ready"
            return started

        def ask(agent: subprocess.Popen[str], command: str = "") -> str:
            assert agent.stdin is not None
            assert agent.stdout is not None
            agent.stdin.write(command)
            agent.stdin.flush()
            return agent.stdout.readline().strip()

        one, other = agent(PRICING, "s-1"), agent("README.md", "s-2")
        try:
            assert ask(other, f"git commit -m x {PRICING}\n") == "1"
            assert ask(one, "git commit -m x README.md\n") == "1"
            assert ask(one, f"git commit -m x {PRICING}\n") == "0"
            remote = guarded.parent / "remote.git"
            git("init", "--quiet", "--bare", str(remote))
            assert git("push", "--no-verify", str(remote), "main~1:refs/heads/main").code == 0
            git("remote", "add", "origin", str(remote))
            git("fetch", "--quiet", "origin")
            assert ask(other, "git push origin main\n") == "1"
            assert ask(one, "git push origin main\n") == "0"
            assert ask(other, "git commit -m x README.md\n") == "0"
        finally:
            one.communicate()
            other.communicate()

    def test_an_agent_commits_what_it_locked_by_a_tool(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        # git is a child of this process, as it would be of an agent's program.
        ask = "from agentd.hook.kin import ancestors; print(ancestors()[0])"
        here = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, check=True
        ).stdout.strip()
        with daemon.client() as client:
            for path, program in ((PRICING, here), ("README.md", "1:1")):
                client.acquire_resource_lock(
                    resource_key=f"file:{path}",
                    owner=f"codex-mcp-{program}",
                    namespace=str(guarded),
                    metadata={"mcp_client": program},
                )
        change(guarded)
        assert commit(git, "--all") is None
        change(guarded, "README.md")
        assert commit(git, "--all") is not None


class TestPushes:
    @pytest.fixture
    def remote(self, guarded: Path, git: Git) -> Path:
        """An empty repository to push to, known as `origin`."""
        path = guarded.parent / "remote.git"
        git("init", "--quiet", "--bare", str(path))
        git("remote", "add", "origin", str(path))
        return path

    def test_of_commits_that_change_what_is_locked(
        self, guarded: Path, git: Git, daemon: StartedDaemon, remote: Path
    ) -> None:
        assert git("push", "origin", "main").code == 0
        change(guarded)
        assert commit(git, "--all") is None
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        done = git("push", "origin", "main")
        assert done.code != 0
        assert "this push changes what somebody else has locked" in done.said
        assert git("push", "--no-verify", "origin", "main").code == 0

    def test_what_the_remote_has_already_does_not_count(
        self, guarded: Path, git: Git, daemon: StartedDaemon, remote: Path
    ) -> None:
        assert git("push", "origin", "main").code == 0
        lock(daemon, "dir:shop", namespace=guarded)
        change(guarded, "README.md")
        assert commit(git, "--all") is None
        assert git("push", "origin", "main", "main:another").code == 0
        assert git("push", str(remote), "main:by-address").code == 0
        assert git("push", "origin", ":another").code == 0

    def test_a_first_push_is_all_of_it(
        self, guarded: Path, git: Git, daemon: StartedDaemon, remote: Path
    ) -> None:
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        assert git("push", "origin", "main").code != 0

    def test_a_change_that_was_taken_back_is_pushed_all_the_same(
        self, guarded: Path, git: Git, daemon: StartedDaemon, remote: Path
    ) -> None:
        assert git("push", "origin", "main").code == 0
        change(guarded)
        assert commit(git, "--all") is None
        assert git("revert", "--no-edit", "HEAD").code == 0
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        assert git("push", "origin", "main").code != 0

    def test_a_merge_is_only_what_it_changes_itself(
        self, guarded: Path, git: Git, daemon: StartedDaemon, remote: Path
    ) -> None:
        git("checkout", "--quiet", "-b", "theirs")
        change(guarded)
        assert commit(git, "--all") is None
        assert git("push", "origin", "theirs").code == 0
        git("checkout", "--quiet", "main")
        change(guarded, "README.md")
        assert commit(git, "--all") is None
        git("push", "origin", "main")
        assert git("merge", "--no-edit", "theirs").code == 0
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        assert git("push", "origin", "main").code == 0

    @pytest.fixture
    def handed_over(
        self, guarded: Path, git: Git, shop: ShopRepository, daemon: StartedDaemon, remote: Path
    ) -> Path:
        """A worktree, in which `codex-7` has committed what he has locked."""
        assert git("push", "origin", "main").code == 0
        worktree = guarded.parent / "worktrees" / "w"
        shop.add_worktree(worktree)
        lock(daemon, f"file:{PRICING}", "codex-7", namespace=guarded)
        change(worktree)
        assert commit(git, "--all", at=worktree, AGENTD_SESSION_ID="codex-7") is None
        return worktree

    @pytest.mark.parametrize("branch", ["codex-7", "agentd/codex-7"])
    def test_a_holder_s_own_branch_is_his_work_whoever_pushes_it(
        self, guarded: Path, git: Git, handed_over: Path, branch: str
    ) -> None:
        git("branch", "theirs", "HEAD", at=handed_over)
        assert git("push", "origin", "theirs").code != 0
        git("branch", branch, "theirs")
        assert git("push", "origin", branch).code == 0

    def test_a_holder_s_own_worktree_is_his_work_too(
        self, guarded: Path, git: Git, daemon: StartedDaemon, handed_over: Path
    ) -> None:
        lock(daemon, "file:README.md", "w", namespace=guarded)
        change(handed_over, "README.md")
        assert commit(git, "--all", at=handed_over) is None
        git("branch", "theirs", "HEAD", at=handed_over)
        said = git("push", "origin", "theirs").said
        assert f'"{PRICING}" is held by' in said
        assert "README.md" not in said

    def test_whoever_merges_a_holder_s_branch_pushes_it_and_nothing_of_his_own(
        self, guarded: Path, git: Git, handed_over: Path
    ) -> None:
        git("branch", "codex-7", "HEAD", at=handed_over)
        change(guarded, "README.md")
        assert commit(git, "--all") is None
        assert git("merge", "--no-edit", "codex-7").code == 0
        assert git("push", "origin", "main").code == 0
        change(guarded)
        assert git("commit", "--no-verify", "--all", "--message", "x").code == 0
        assert git("push", "origin", "main").code != 0

    @pytest.mark.parametrize("owner", ["..", "-x", "a b", "refs/heads/main", "main^{tree}", "*"])
    def test_a_name_that_is_no_branch_s(
        self, guarded: Path, git: Git, daemon: StartedDaemon, remote: Path, owner: str
    ) -> None:
        lock(daemon, f"file:{PRICING}", owner, namespace=guarded)
        done = git("push", "origin", "main")
        assert done.code != 0
        assert "is held by" in done.said

    def test_from_a_repository_without_a_worktree(
        self, guarded: Path, git: Git, coord: Command, daemon: StartedDaemon, remote: Path
    ) -> None:
        bare = guarded.parent / "bare.git"
        git("clone", "--quiet", "--bare", str(guarded), str(bare))
        git("worktree", "add", "--quiet", str(guarded.parent / "of-bare"), at=bare)
        assert coord("guard", "install", at=guarded.parent / "of-bare").code == 0
        assert git("push", str(remote), "main", at=bare).code == 0
        lock(daemon, f"file:{PRICING}", namespace=bare)
        done = git("push", str(remote), "main:another", at=bare)
        assert done.code != 0
        assert "is held by" in done.said

    def test_from_a_place_with_a_line_break_in_its_name(
        self, guarded: Path, git: Git, daemon: StartedDaemon
    ) -> None:
        odd = guarded.parent / "odd\nname"
        guarded.rename(odd)
        lock(daemon, f"file:{PRICING}", namespace=odd)
        change(odd, "README.md")
        assert commit(git, "--all", at=odd) is None
        change(odd)
        assert "is held by" in str(commit(git, "--all", at=odd))


class TestWithoutAnAnswer:
    @pytest.mark.parametrize(
        ("policy", "refused"), [("guarded", False), ("strict", True), ("advisory", False)]
    )
    def test_no_daemon(self, guarded: Path, git: Git, policy: str, refused: bool) -> None:
        change(guarded)
        done = git("commit", "--all", "--message", "x", AGENTD_GUARD_POLICY=policy)
        assert (done.code != 0) is refused, done.said
        assert "no daemon listens on" in done.said
        assert ("NOT guarded by locks" in done.said) is not refused

    @pytest.mark.parametrize(
        ("policy", "refused"), [("guarded", True), ("strict", True), ("advisory", False)]
    )
    def test_something_else_on_the_socket(
        self, guarded: Path, git: Git, directory: Path, policy: str, refused: bool
    ) -> None:
        path = directory / "other.sock"
        change(guarded)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            other.settimeout(0)  # It takes connections and says nothing.
            done = git(
                *("commit", "--all", "--message", "x"),
                AGENTD_GUARD_POLICY=policy,
                AGENTD_SOCKET=str(path),
            )
        assert (done.code != 0) is refused, done.said
        assert "the daemon does not answer in time" in done.said

    def test_advice_only(self, guarded: Path, git: Git, daemon: StartedDaemon) -> None:
        lock(daemon, f"file:{PRICING}", namespace=guarded)
        change(guarded)
        done = git("commit", "--all", "--message", "x", AGENTD_GUARD_POLICY="advisory")
        assert done.code == 0
        assert "is held by" in done.said
        assert "the policy is advisory, so the commit goes on" in done.said

    def test_a_wrong_policy(self, guarded: Path, git: Git) -> None:
        change(guarded)
        done = git("commit", "--all", "--message", "x", AGENTD_GUARD_POLICY="open")
        assert done.code != 0
        assert "the policy must be strict, guarded, advisory, not 'open'" in done.said


def test_what_goes_past_the_guard_is_caught_by_the_review(
    guarded: Path, git: Git, coord: Command, shop: ShopRepository, daemon: StartedDaemon
) -> None:
    """`--no-verify` is git's own way round: the lock still decides when the work is integrated."""
    holder = guarded.parent / "worktrees" / "holder"
    shop.add_worktree(holder)
    shop.replace(holder, PRICING, SHIPPING, "    return 0 if amount >= 5000 else SHIPPING\n")
    handed_in = coord(
        "bundle", "--owner", "codex-a", "--provider", "openai", "--intent", "free", "--lock",
        at=holder,
    )  # fmt: skip
    assert handed_in.code == 0, handed_in.err
    git("checkout", "--quiet", "-b", "intruder")
    shop.replace(guarded, PRICING, SHIPPING, "    return SHIPPING + amount // 100\n")
    assert commit(git, "--all") is not None
    assert commit(git, "--all", "--no-verify") is None
    review = coord("review", "--target", "main", "--branch", "intruder", "--json")
    assert review.code == 10, review.err
    record = review.json()
    actions = {
        bundle["owner"]: decision
        for bundle, decision in zip(record["bundles"], record["decisions"], strict=True)
    }
    assert actions["codex-a"]["action"] == "merge"
    assert actions["intruder"]["action"] == "wait"
    assert "codex-a holds file:shop/pricing.py" in actions["intruder"]["reasons"][0]["message"]
