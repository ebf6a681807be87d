"""Makes a bundle of a worktree or a branch, as `agentd-coord bundle` hands it in.

It must not know where the bundle goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentd.conflicts.bundles.worktree_snapshot import take_snapshot
from agentd.conflicts.findings import Finding
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.patches.admission import PatchAdmission
from agentd.conflicts.policy.policy import Limits
from agentd.conflicts.record import printable
from agentd.conflicts.review import Workplace
from agentd.errors import DependencyFailed, InvalidParams


@dataclass(frozen=True, slots=True)
class MadeBundle:
    """A bundle, and what was made of it."""

    bundle: dict[str, Any]
    """As lock metadata or a CommitEvent's payload takes it."""
    patch: bytes
    """The whole patch, also where the bundle names a revision instead of holding it."""
    head: CommitId
    """The commit, or the worktree's state as a commit of the quarantine."""
    dirty: bool
    """Whether there are changes that are not committed."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to hand in."""
        return not self.patch


def make_bundle(
    workplace: Workplace,
    *,
    target: str = "HEAD",
    worktree: Path | None = None,
    revision: str | None = None,
    base: str | None = None,
    patch_bytes_max: int = 512 * 1024,
) -> MadeBundle:
    """The bundle of a worktree with its uncommitted and untracked files, or of a revision.

    The base is the merge base with the target unless one is given. A patch of up to
    `patch_bytes_max` that is valid text goes into the bundle itself; otherwise the bundle names
    the revision, or the worktree where not everything is committed.
    """
    repository, quarantine = workplace.repository, workplace.quarantine
    tree: TreeId
    if revision is not None:
        head = _commit(workplace, revision, "revision")
        tree, dirty = quarantine.tree_of(head), False
    else:
        snapshot = take_snapshot(quarantine, worktree or repository.path, repository)
        if snapshot.unmerged:
            raise DependencyFailed(
                "worktree_failed",
                f"the worktree has unresolved conflicts in {snapshot.unmerged[0]}",
                hint="Resolve them first.",
            )
        head, tree, dirty = snapshot.head, snapshot.tree, snapshot.dirty
    base_commit = _base(workplace, target, base, head)
    bundle, patch = _difference(workplace, base_commit, tree)
    bundle |= _change(workplace, patch, patch_bytes_max, head, worktree, dirty=dirty)
    return MadeBundle(printable(bundle), patch, head, dirty)


def make_patch_bundle(workplace: Workplace, patch: bytes, base: str) -> MadeBundle:
    """The bundle of a patch on a base, as git prints it: a unified diff, or Codex's own form.

    Raises `invalid_field` with the finding where the patch does not fit, or holds what JSON cannot.
    """
    quarantine = workplace.quarantine
    base_commit = _commit(workplace, base, "base")
    base_tree = quarantine.tree_of(base_commit)
    (tree,) = PatchAdmission(quarantine, Limits()).trees([(patch, base_commit, base_tree)])
    if isinstance(tree, Finding):
        raise _bad_patch(tree.message)
    made = bundle_of_tree(workplace, base_commit, tree)
    if "patch" not in made.bundle and not made.is_empty:
        raise _bad_patch("It holds bytes that are not UTF-8; hand in a branch instead.")
    return made


def bundle_of_tree(workplace: Workplace, base: CommitId, tree: TreeId) -> MadeBundle:
    """The bundle of a change that is in no commit yet, with its patch where that is valid text."""
    bundle, patch = _difference(workplace, base, tree)
    if patch and _is_text(patch):
        bundle["patch"] = patch.decode()
    return MadeBundle(printable(bundle), patch, base, dirty=True)


def _bad_patch(message: str) -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        message,
        hint="Correct the patch, or make it again on its base (a command takes another: --base).",
        path="patch",
        rule="must fit its base",
    )


def _difference(workplace: Workplace, base: CommitId, tree: TreeId) -> tuple[dict[str, Any], bytes]:
    """What a bundle says of the change from a commit to a tree, and the change as a patch."""
    quarantine = workplace.quarantine
    base_tree = quarantine.tree_of(base)
    (changes,) = quarantine.changes([(base_tree, tree)], renames=True)
    patch = quarantine.patch(base_tree, tree) if changes else b""
    bundle: dict[str, Any] = {
        "base_revision": f"git:{base}",
        "touched_paths": sorted({path for change in changes for path in change.paths}),
        "diff_summary": _summary(
            len(changes),
            sum(change.additions for change in changes),
            sum(change.deletions for change in changes),
        ),
    }
    return bundle, patch


def _change(
    workplace: Workplace,
    patch: bytes,
    patch_bytes_max: int,
    head: CommitId,
    worktree: Path | None,
    *,
    dirty: bool,
) -> dict[str, str]:
    if len(patch) <= patch_bytes_max and _is_text(patch):
        return {"patch": patch.decode()} if patch else {}
    if dirty:
        return {"worktree": str((worktree or workplace.repository.path).resolve())}
    return {"head_revision": f"git:{head}"}


def _commit(workplace: Workplace, revision: str, what: str) -> CommitId:
    hint = "`git log --oneline --all` shows the commits that there are."
    return workplace.repository.named_commit(what, revision, hint=hint)


def _base(workplace: Workplace, target: str, base: str | None, head: CommitId) -> CommitId:
    if base is not None:
        return _commit(workplace, base, "base")
    tip = _commit(workplace, target, "target")
    found = workplace.quarantine.merge_base(tip, head)
    if found is None:
        raise DependencyFailed(
            "git_failed",
            "the work has no history in common with the target",
            hint=(
                "This clone is shallow: fetch the rest with `git fetch --unshallow`."
                if workplace.repository.is_shallow
                else "Name the commit that it started from with --base."
            ),
        )
    return found


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _summary(files: int, additions: int, deletions: int) -> str:
    return f"{files} file{'' if files == 1 else 's'}, +{additions} -{deletions}"
