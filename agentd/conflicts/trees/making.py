"""Makes trees that differ from others in some files: many in one git call, without an index.

What it costs follows from the files that differ, not from how many there are.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from agentd.conflicts.git.names import OBJECT_ID, TreeId, decoded, encoded
from agentd.conflicts.git.place import Place
from agentd.conflicts.trees.edits import Edits, NewFile
from agentd.errors import DependencyFailed


def make_trees(place: Place, wanted: Sequence[tuple[TreeId | None, Edits]]) -> tuple[TreeId, ...]:
    """The trees with their edits, in the order given; None is the tree made just before.

    Raises `git_failed`. An edit whose blob is nowhere fails them all. A file takes the place of a
    directory, and the other way round, without a word: whoever asks has looked.
    """
    if not wanted:
        return ()
    # fast-import makes trees for a branch only; this one is gone before it was ever written.
    branch = f"refs/agentd/making/{uuid.uuid4().hex}"
    stream = b"".join(_stream(branch, wanted))
    answer = place.run(["fast-import", "--quiet"], stdin=stream, check=True, large=True)
    lines = answer.stdout.split(b"\n")[:-1]
    trees = [decoded(line[12:].partition(b"\t")[0]) for line in lines]
    if len(trees) != len(wanted) or not all(
        line.startswith(b"040000 tree ") and OBJECT_ID.fullmatch(tree)
        for line, tree in zip(lines, trees, strict=True)
    ):
        raise DependencyFailed("git_failed", "`git fast-import` did not answer with trees")
    return tuple(TreeId(tree) for tree in trees)


def _stream(branch: str, wanted: Sequence[tuple[TreeId | None, Edits]]) -> Iterator[bytes]:
    yield f"commit {branch}\ncommitter agentd <agentd@localhost> 0 +0000\ndata 0\n".encode()
    for tree, edits in wanted:
        if tree is not None:
            yield f'M 040000 {tree} ""\n'.encode()
        # What goes makes room for what comes.
        for path, file in edits.items():
            if file is None:
                yield b"D " + _quoted(path) + b"\n"
        for path, file in edits.items():
            if file is not None:
                yield from _file(path, file)
        yield b'ls ""\n'
    nothing = "0" * len(next(tree for tree, _ in wanted if tree is not None))
    yield f"\nreset {branch}\nfrom {nothing}\n\n".encode()


def _file(path: str, file: NewFile) -> Iterator[bytes]:
    if isinstance(file.content, bytes):
        yield f"M {file.mode} inline ".encode() + _quoted(path)
        yield b"\ndata %d\n" % len(file.content)
        yield file.content + b"\n"
    else:
        yield f"M {file.mode} {file.content} ".encode() + _quoted(path) + b"\n"


def _quoted(path: str) -> bytes:
    name = encoded(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + name + b'"'
