"""The content of a worktree as it is now: its commits and everything that is not committed yet.

Reads the worktree through the quarantine, with a copy of its index, so that neither its filters
nor its index take part and nothing of it is written. It must not know what the content is for.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentd.conflicts.git.names import OBJECT_ID, CommitId, TreeId, decoded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.trees.changes import MODE_GITLINK
from agentd.errors import DependencyFailed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a worktree holds."""

    head: CommitId
    tree: TreeId
    """The files as they are, tracked or not, without the ignored ones."""
    dirty: bool
    """Whether that differs from the head's tree."""
    unmerged: tuple[str, ...]
    """Paths with unresolved conflicts, which make the content unfit for anything."""


def take_snapshot(
    quarantine: Quarantine,
    worktree: Path,
    user: Repository,
    *,
    stand_ins: Mapping[bytes, bytes] | None = None,
) -> Snapshot:
    """Reads a worktree of the user's. Raises `git_failed` where it has no commit yet.

    Of the files in `stand_ins` the content given there is taken, and they are not read.
    """
    here = user.at(worktree)
    head = here.commit_of("HEAD")
    if head is None:
        raise DependencyFailed(
            "git_failed",
            f"the worktree {worktree} has no commit yet",
            hint="Commit something in it first: changes are compared on a commit.",
        )
    with tempfile.TemporaryDirectory(prefix="agentd-index-") as directory:
        index = Path(directory) / "index"
        environment = {"GIT_INDEX_FILE": str(index)}
        own_index = here.git_dir / "index"
        if own_index.exists():
            # With it come the file times, so that only what changed is read again. The index's own
            # time has to come along: a file changed in the very second in which the index was
            # written is told from an unchanged one by that time alone.
            shutil.copy2(own_index, index)
        if not own_index.exists() or _is_split(quarantine, environment):
            index.unlink(missing_ok=True)
            quarantine.run(["read-tree", head], environment=environment, check=True)
        unmerged = quarantine.run(["ls-files", "-u", "-z"], environment=environment, check=True)
        names = {decoded(line.split(b"\t", 1)[1]) for line in unmerged.stdout.split(b"\0") if line}
        tree = _add_all(quarantine, worktree, here, environment, stand_ins or {})
    return Snapshot(head, tree, tree != quarantine.tree_of(head), tuple(sorted(names)))


def _is_split(quarantine: Quarantine, environment: dict[str, str]) -> bool:
    """Whether the copied index needs a file that was not copied."""
    return quarantine.run(["ls-files", "--cached", "-z"], environment=environment).status != 0


def _add_all(
    quarantine: Quarantine,
    worktree: Path,
    here: Repository,
    environment: dict[str, str],
    stand_ins: Mapping[bytes, bytes],
) -> TreeId:
    configuration = {"core.bare": "false"}
    ignored = here.common_dir / "info" / "exclude"
    if ignored.exists():
        configuration["core.excludesFile"] = str(ignored)
    for key in ("core.autocrlf", "core.eol", "core.safecrlf", "core.fileMode", "core.ignoreCase"):
        value = here.local_setting(key)
        if value is not None:
            configuration[key] = value
    before = _gitlinks(quarantine, environment)
    left_out = [f":(exclude,literal){decoded(path)}" for path in stand_ins]
    quarantine.run(
        [f"--work-tree={worktree}", "-C", str(worktree), "add", "--all", "--", ".", *left_out],
        environment={**environment, "GIT_LITERAL_PATHSPECS": "0"},
        configuration=configuration,
        check=True,
    )
    # A worktree inside this one would come in as a submodule that nobody asked for.
    nested = _gitlinks(quarantine, environment) - before
    if nested:
        stdin = b"".join(path + b"\0" for path in sorted(nested))
        quarantine.run(
            [f"--work-tree={worktree}", "update-index", "--force-remove", "-z", "--stdin"],
            stdin=stdin,
            environment=environment,
            configuration={"core.bare": "false"},
            check=True,
        )
    _put(quarantine, environment, stand_ins)
    written = quarantine.run(["write-tree"], environment=environment, check=True).text
    if not OBJECT_ID.fullmatch(written):
        raise DependencyFailed("git_failed", f"`git write-tree` answered {written[:200]!r}")
    return TreeId(written)


def _put(
    quarantine: Quarantine, environment: dict[str, str], contents: Mapping[bytes, bytes]
) -> None:
    """Has plain files with these contents in the index."""
    entries = []
    for path, content in contents.items():
        blob = quarantine.run(["hash-object", "-w", "--stdin"], stdin=content, check=True).text
        entries.append(b"100644 %s\t%s\0" % (blob.encode(), path))
    if entries:
        quarantine.run(
            ["update-index", "-z", "--index-info"],
            stdin=b"".join(entries),
            environment=environment,
            check=True,
        )


def _gitlinks(quarantine: Quarantine, environment: dict[str, str]) -> set[bytes]:
    listed = quarantine.run(
        ["ls-files", "-s", "-z"], environment=environment, check=True, large=True
    )
    prefix = MODE_GITLINK.encode() + b" "
    return {
        line.split(b"\t", 1)[1] for line in listed.stdout.split(b"\0") if line.startswith(prefix)
    }
