"""What lies at some paths of some trees, read from the directories that they are in.

What it costs follows from the size of these directories, not from that of the trees. It must not
know who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.git.names import ObjectId, decoded, encoded
from agentd.conflicts.git.place import Place
from agentd.conflicts.git.process import OutputTooLarge
from agentd.conflicts.trees.unsafe_names import is_relative
from agentd.errors import DependencyFailed

BYTES_AT_ONCE: Final = 32 * 2**20
"""How much of objects' contents is held at the same time."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What git says about an object without showing it."""

    object_id: ObjectId
    kind: str
    size: int


def look_up(place: Place, names: Sequence[str]) -> tuple[ObjectInfo | None, ...]:
    """What some names (`<id>`, `<tree>:<path>`, a revision) stand for, in one call.

    None where there is no such object, or where the name means several.
    """
    if not names:
        return ()
    stdin = b"".join(encoded(name) + b"\0" for name in names)
    told = place.run(["cat-file", "--batch-check", "-z"], stdin=stdin, check=True, large=True)
    found: list[ObjectInfo | None] = []
    offset = 0
    for name in names:
        # A name may have newlines, so that only its whole repetition tells where the answer ends.
        for refusal in (b" missing\n", b" ambiguous\n"):
            if told.stdout.startswith(encoded(name) + refusal, offset):
                offset += len(encoded(name) + refusal)
                found.append(None)
                break
        else:
            end = told.stdout.find(b"\n", offset)
            fields = told.stdout[offset:end].split(b" ")
            offset = end + 1
            if fields[1:] == [b"submodule"]:
                found.append(None)  # As newer versions of git call what is in no repository here.
                continue
            if end < 0 or len(fields) != 3 or not fields[2].isdigit():
                raise DependencyFailed("git_failed", "`git cat-file` did not answer to the end")
            object_id, kind, size = fields
            found.append(ObjectInfo(ObjectId(object_id.decode()), kind.decode(), int(size)))
    return tuple(found)


def in_portions(
    objects: Iterable[ObjectInfo], bytes_max: int = BYTES_AT_ONCE
) -> Iterator[list[ObjectId]]:
    """The objects, so many at a time that together they are no larger than a limit."""
    portion: list[ObjectId] = []
    total = 0
    for each in objects:
        if portion and total + each.size > bytes_max:
            yield portion
            portion, total = [], 0
        portion.append(each.object_id)
        total += each.size
    if portion:
        yield portion


def read_objects(place: Place, ids: Sequence[ObjectId]) -> dict[ObjectId, tuple[str, bytes]]:
    """Kind and content of objects, in one call; in several where they are too much for one.

    Raises `git_failed` where one is missing.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    stdin = "".join(f"{object_id}\n" for object_id in wanted).encode()
    try:
        output = place.run(["cat-file", "--batch"], stdin=stdin, check=True, large=True).stdout
    except OutputTooLarge:
        if len(wanted) == 1:
            raise
        half = len(wanted) // 2
        return read_objects(place, wanted[:half]) | read_objects(place, wanted[half:])
    contents: dict[ObjectId, tuple[str, bytes]] = {}
    offset = 0
    for object_id in wanted:
        end = output.find(b"\n", offset)
        header = output[offset:end].split(b" ")
        if end < 0 or len(header) != 3:
            raise DependencyFailed("git_failed", f"the object {object_id} cannot be read")
        offset = end + 1
        size = int(header[2])
        contents[object_id] = header[1].decode(), output[offset : offset + size]
        offset += size + 1
    return contents


def entries_at(
    place: Place, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, ObjectId]]:
    """(tree, path) to (mode, object) of whatever is there, directories included.

    What lies below a directory called `.` or `..` is not found: git cannot be asked for it.
    """
    names: dict[tuple[str, str], set[str]] = {}
    for tree, path in wanted:
        directory, _, name = path.rpartition("/")
        if is_relative(directory):
            continue
        names.setdefault((tree, directory), set()).add(name)
    places = list(names)
    looked = look_up(place, [f"{tree}:{directory}" for tree, directory in places])
    by_object: dict[ObjectInfo, list[tuple[str, str]]] = {}
    for where, info in zip(places, looked, strict=True):
        if info is not None and info.kind == "tree":
            by_object.setdefault(info, []).append(where)
    of_object = {info.object_id: wheres for info, wheres in by_object.items()}
    found: dict[tuple[str, str], tuple[str, ObjectId]] = {}
    for portion in in_portions(by_object):
        for object_id, (_, content) in read_objects(place, portion).items():
            wheres = of_object[object_id]
            for mode, name, entry in tree_records(content, len(object_id) // 2):
                for tree, directory in wheres:
                    if name in names[tree, directory]:
                        path = f"{directory}/{name}" if directory else name
                        found[tree, path] = mode, entry
    return found


def tree_records(content: bytes, id_bytes: int) -> Iterator[tuple[str, str, ObjectId]]:
    """Mode, name and object of what a tree object holds: `mode name NUL id` over and over."""
    offset = 0
    while offset < len(content):
        space = content.index(b" ", offset)
        end = content.index(b"\0", space)
        mode = content[offset:space].decode().zfill(6)
        offset = end + 1 + id_bytes
        yield mode, decoded(content[space + 1 : end]), ObjectId(content[end + 1 : offset].hex())
