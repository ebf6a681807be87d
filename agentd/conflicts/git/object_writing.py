"""Writes many objects in one git call. It must not know what they are for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentd.conflicts.git.names import OBJECT_ID, CommitId, ObjectId
from agentd.conflicts.git.place import Place
from agentd.errors import DependencyFailed


def store_objects(place: Place, kind: str, contents: Sequence[bytes]) -> tuple[ObjectId, ...]:
    """Keeps some bytes as objects of a kind (`blob`, `commit`); their ids, in the same order.

    git checks what is no blob. Raises `git_failed`, and then some may be there and others not.
    """
    distinct = list(dict.fromkeys(contents))
    if not distinct:
        return ()
    with tempfile.TemporaryDirectory(prefix="agentd-objects-") as directory:
        names = [os.path.join(directory, str(number)) for number in range(len(distinct))]
        for name, content in zip(names, distinct, strict=True):
            Path(name).write_bytes(content)
        answer = place.run(
            ["hash-object", "-t", kind, "-w", "--no-filters", "--stdin-paths"],
            stdin="".join(f"{name}\n" for name in names).encode(),
            check=True,
        )
    ids = answer.text.split("\n")
    if len(ids) != len(distinct) or not all(OBJECT_ID.fullmatch(each) for each in ids):
        raise DependencyFailed("git_failed", "`git hash-object` gave no id for some object")
    made = {content: ObjectId(each) for content, each in zip(distinct, ids, strict=True)}
    return tuple(made[content] for content in contents)


def store_commits(place: Place, contents: Mapping[CommitId, bytes]) -> None:
    """Keeps commits whose ids are known. Raises `git_failed` where git gives them others."""
    stored = store_objects(place, "commit", list(contents.values()))
    if [str(each) for each in stored] != [str(each) for each in contents]:
        raise DependencyFailed("git_failed", "`git hash-object` gave other ids than expected")
