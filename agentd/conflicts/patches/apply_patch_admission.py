"""Turns Codex's own form of a patch into a tree, or into the finding that says why it makes none.

Where Codex would lose something in silence (a new file over one that is there, a move onto another
file or onto itself) the patch is refused. git decides which names are safe.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.findings import Finding, FindingKind, error
from agentd.conflicts.git.names import CommitId, ObjectId, TreeId, encoded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.patches.apply_patch import (
    AddFile,
    DeleteFile,
    Malformed,
    Operation,
    UpdateFile,
    parse_apply_patch,
    paths_of,
)
from agentd.conflicts.patches.apply_patch_chunks import DoesNotFit, updated
from agentd.conflicts.policy.policy import Limits

_FILE_MODE: Final = "100644"
_REGULAR: Final = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is at some point of the patch."""

    mode: str
    blob: ObjectId | None = None
    """Of the base's; None for one that the patch has made."""
    content: bytes = b""


class _Refused(Exception):
    """Carries the finding against the patch."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def apply_patch_tree(
    quarantine: Quarantine, limits: Limits, patch: bytes, base: CommitId, base_tree: TreeId
) -> TreeId | Finding:
    """The tree that the patch makes of its base, or what is wrong with it."""
    try:
        operations = parse_apply_patch(patch)
        _check_limits(limits, patch, operations)
        return _Edit(quarantine, base, base_tree).written(operations)
    except Malformed as problem:
        return error(
            FindingKind.DOES_NOT_APPLY,
            f"Its text is no whole `apply_patch`: {problem}; correct that, or hand in the output "
            "of `git diff`.",
        )
    except _Refused as refused:
        return refused.finding


def _check_limits(limits: Limits, patch: bytes, operations: tuple[Operation, ...]) -> None:
    chunks = sum(len(each.chunks) for each in operations if isinstance(each, UpdateFile))
    for what, count, limit in (
        ("files", len(paths_of(operations)), limits.files_max),
        ("chunks", chunks, limits.hunks_max),
        ("bytes in a line", max(map(len, patch.split(b"\n"))), limits.line_bytes_max),
    ):
        if count > limit:
            raise _Refused(
                error(
                    FindingKind.OVER_LIMIT,
                    f"It has {count:,} {what} and the policy allows {limit:,}; split the change, "
                    "or have `[limits]` raised.",
                    count=count,
                    limit=limit,
                )
            )


class _Edit:
    """A tree that a patch is working on."""

    def __init__(self, quarantine: Quarantine, base: CommitId, base_tree: TreeId) -> None:
        self._quarantine = quarantine
        self._base = base
        self._base_tree = base_tree
        entries = quarantine.entries(base_tree)
        self._files = {path: _File(mode, blob) for path, (mode, blob) in entries.items()}
        self._directories = Counter(each for path in entries for each in _above(path))
        self._touched: dict[str, None] = {}

    def written(self, operations: tuple[Operation, ...]) -> TreeId:
        for operation in operations:
            match operation:
                case AddFile(path, content):
                    self._put(_plain(path), _File(_FILE_MODE, content=content.encode()))
                case DeleteFile(path):
                    self._take(_plain(path))
                case UpdateFile(path, _, move_to):
                    place = _plain(path)
                    changed = self._updated(place, operation)
                    self._take(place)
                    self._put(_plain(move_to) if move_to is not None else place, changed)
                    if move_to is not None and _plain(move_to) == place:
                        raise _refused(f"It moves {place} onto itself, which loses it", place)
        return self._tree()

    def _take(self, path: str) -> None:
        if self._files.pop(path, None) is None:
            raise self._missing(path)
        self._directories.subtract(_above(path))
        self._touched[path] = None

    def _put(self, path: str, file: _File) -> None:
        if path in self._files:
            raise _refused(
                f"It puts a new file where its base {self._base[:12]} has {path}; make it an "
                "update of that file, or delete that file first",
                path,
            )
        for above in _above(path):
            if above in self._files:
                raise _refused(f"It puts {path} below {above}, which is a file", path)
        if self._directories[path] > 0:
            raise _refused(f"It puts a file where there is a directory, {path}", path)
        self._directories.update(_above(path))
        self._files[path] = file
        self._touched[path] = None

    def _updated(self, path: str, operation: UpdateFile) -> _File:
        file = self._files.get(path)
        if file is None:
            raise self._missing(path)
        if file.mode not in _REGULAR:
            raise _refused(f"{path} is no regular file, so no lines of it can be changed", path)
        content = file.content
        if file.blob is not None:
            content = self._quarantine.read_blobs([file.blob])[file.blob]
        try:
            text = updated(content.decode(), operation.chunks)
        except UnicodeDecodeError:
            raise _refused(f"{path} is not UTF-8 text; use `git diff --binary`", path) from None
        except DoesNotFit as problem:
            raise _refused(
                f"It does not fit {path} of its base {self._base[:12]}: {problem}; declare the "
                "commit that it was made on, or make it again against that base",
                path,
            ) from None
        return _File(file.mode, content=text.encode())

    def _missing(self, path: str) -> _Refused:
        return _refused(
            f"It changes {path}, which its base {self._base[:12]} does not have; declare the "
            "commit that it was made on",
            path,
        )

    def _tree(self) -> TreeId:
        absent = f"0 {'0' * len(self._base_tree)}"
        gone = [f"{absent}\t{path}\0" for path in self._touched if path not in self._files]
        stay = [
            f"{file.mode} {file.blob or self._quarantine.store_blob(file.content)}\t{path}\0"
            for path in self._touched
            if (file := self._files.get(path)) is not None
        ]
        with self._quarantine.index_of(self._base_tree) as environment:
            done = self._quarantine.run(
                ["update-index", "-z", "--index-info"],
                stdin=encoded("".join([*gone, *stay])),
                environment=environment,
            )
            if done.status != 0 or done.stderr:  # It leaves out a name that it does not take.
                raise _unsafe(None, git=done.stderr[:600])
            made = self._quarantine.run(["write-tree"], environment=environment, check=True)
        return TreeId(made.text)


def _above(path: str) -> list[str]:
    """The directories that a path lies in."""
    return [path[:at] for at, character in enumerate(path) if character == "/"]


def _plain(path: str) -> str:
    """A path as git names it."""
    plain = posixpath.normpath(path)
    if path.startswith("/") or "\0" in path or plain.split("/", 1)[0] in ("..", "."):
        raise _unsafe(path)
    return plain


def _unsafe(path: str | None, **evidence: str) -> _Refused:
    what = repr(path) if path is not None else "a path that git does not take"
    return _Refused(
        error(
            FindingKind.UNSAFE_PATH,
            f"It names {what}; use paths that lead straight from the repository's root to its "
            "files.",
            path,
            **evidence,
        )
    )


def _refused(what: str, path: str) -> _Refused:
    return _Refused(error(FindingKind.DOES_NOT_APPLY, f"{what}.", path))
