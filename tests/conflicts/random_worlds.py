"""Random repositories for the referee: a start, what the target did since, and what bundles do.

One seed is one world. Lines are named after who wrote them and counted on, so that a test can count
them without a diff. Objects are written without git, which is what makes thousands of worlds cheap.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

Content = bytes
Files = dict[str, tuple[str, Content]]
"""Path to mode and content; of a submodule the commit, in hexadecimal."""

TEXT: Final = ("100644", "100755")
LINK: Final = "120000"
MODULE: Final = "160000"
NAMES: Final = ("a", "b", "c.txt", "dd.py", "é", "x y", "Z", "m1", "m2", "m3")
FOLDERS: Final = ("", "", "d/", "d/", "e/", "d/f/")
COMMON: Final = (b"", b"}", b"    pass", b"return x")
"""Lines that stand in many places."""


@dataclass(frozen=True)
class Proposal:
    """What one bundle makes of one state of the target."""

    base: int
    """Which state of the target."""
    files: Files


@dataclass(frozen=True)
class World:
    """The states of the target, the newest last, and the bundles."""

    history: tuple[Files, ...]
    proposals: tuple[Proposal, ...]


class ObjectStore:
    """Writes objects into a repository's directory of objects."""

    def __init__(self, git_dir: Path) -> None:
        self._objects = git_dir / "objects"
        self._written: set[str] = set()

    def _put(self, kind: str, content: bytes) -> str:
        raw = f"{kind} {len(content)}\0".encode() + content
        name = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        if name not in self._written:
            self._written.add(name)
            directory = self._objects / name[:2]
            directory.mkdir(exist_ok=True)
            (directory / name[2:]).write_bytes(zlib.compress(raw, 1))
        return name

    def tree(self, files: Files) -> str:
        """The tree of some files."""
        inner: dict[str, Files] = {}
        entries: list[tuple[bytes, bytes]] = []
        for path, (mode, content) in files.items():
            head, slash, rest = path.partition("/")
            if slash:
                inner.setdefault(head, {})[rest] = (mode, content)
            else:
                blob = content.decode() if mode == MODULE else self._put("blob", content)
                entries.append((raw_name(head), _entry(mode, head, blob)))
        entries += [
            (raw_name(f"{name}/"), _entry("40000", name, self.tree(below)))
            for name, below in inner.items()
        ]
        return self._put("tree", b"".join(entry for _, entry in sorted(entries)))

    def commit(self, tree: str, parents: list[str], seconds: int) -> str:
        """A commit of nobody's."""
        person = f"Ada <ada@example.org> {seconds} +0000"
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {person}", f"committer {person}", "", "work", ""]
        return self._put("commit", "\n".join(lines).encode())


def _entry(mode: str, name: str, blob: str) -> bytes:
    return raw_name(f"{mode} {name}\0") + bytes.fromhex(blob)


def raw_name(name: str) -> bytes:
    """The bytes of a name, which need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def random_world(seed: int, *, crowded: bool, copies: bool = True) -> World:
    """The world of a seed; in a crowded one many bundles share few, long files.

    Without copies no two files are alike, so that it is never open which of them moved where.
    """
    return _Maker(Random(seed), crowded, copies).world()


class _Maker:
    def __init__(self, chance: Random, crowded: bool, copies: bool) -> None:
        self._chance = chance
        self._crowded = crowded
        self._copies = copies
        self._count = 0
        self._common_share = chance.choice([0, 0.1, 0.3, 0.6])

    def world(self) -> World:
        chance = self._chance
        history = [self._start()]
        for number in range(chance.choice([0, 0, 1, 2])):
            history.append(self._changed(history[-1], f"target{number}", chance.choice([1, 2, 4])))
        proposals: list[Proposal] = []
        for number in range(chance.choice([1, 2, 2, 3, 4, 6])):
            made = self._proposal(history, proposals, f"bundle{number}")
            if made.files != history[made.base]:
                proposals.append(made)
        return World(tuple(history), tuple(proposals))

    def _proposal(self, history: list[Files], others: list[Proposal], tag: str) -> Proposal:
        chance = self._chance
        newest = len(history) - 1
        base = chance.randrange(len(history)) if chance.random() < 0.5 else newest
        kind = chance.random()
        if kind < 0.08 and base > 0:
            return Proposal(base, history[base - 1])  # Reverts what its base did.
        if kind < 0.24 and others:
            other = chance.choice(others)
            if kind < 0.16:
                return other
            return Proposal(other.base, self._changed(other.files, tag, 1))
        return Proposal(base, self._changed(history[base], tag, chance.choice([1, 1, 2, 3])))

    # Files and lines

    def _start(self) -> Files:
        chance = self._chance
        files: Files = {}
        if not self._crowded:
            for _ in range(chance.randint(3, 9)):
                self._place(files, self._new_file("start"))
            return files
        for name in chance.sample(["a.txt", "d/b.txt", "d/c", "e/g.py"], chance.choice([1, 2, 3])):
            files[name] = (chance.choice(TEXT), self._text("start", chance.choice([30, 60, 90])))
        files["still"] = ("100644", b"as it was\n")
        files["z.bin"] = ("100644", self._binary())
        return files

    def _new_file(self, tag: str) -> tuple[str, Content]:
        kind = self._chance.random()
        if kind < 0.7:
            return self._chance.choice(TEXT), self._text(
                tag, self._chance.choice([1, 3, 8, 20, 40])
            )
        if kind < 0.8:
            return "100644", self._binary()
        if kind < 0.9:
            return LINK, f"to{self._next()}".encode()
        return MODULE, self._commit_name()

    def _text(self, tag: str, lines: int) -> Content:
        end = b"\r\n" if self._chance.random() < 0.1 else b"\n"
        # The first is always its own, so that no two files are alike.
        made = [self._own_line(tag), *(self._line(tag) for _ in range(lines - 1))]
        text = end.join(made) + end
        return text.removesuffix(end) if self._chance.random() < 0.15 else text

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _own_line(self, tag: str) -> bytes:
        return f"{tag} wrote {self._next()}".encode()

    def _line(self, tag: str) -> bytes:
        if self._chance.random() < self._common_share:
            return self._chance.choice(COMMON)
        return self._own_line(tag)

    def _binary(self) -> Content:
        return b"\0" + self._chance.randbytes(40)

    def _commit_name(self) -> Content:
        return hashlib.sha1(str(self._next()).encode(), usedforsecurity=False).hexdigest().encode()

    # Changes

    def _changed(self, before: Files, tag: str, times: int) -> Files:
        files = dict(before)
        for _ in range(times):
            candidates = sorted(files.keys() - {"still"})
            if candidates:
                self._change(files, self._chance.choice(candidates), tag)
            else:
                self._place(files, self._new_file(tag))
        return files

    def _change(self, files: Files, path: str, tag: str) -> None:
        weights: dict[Callable[[Files, str, str], None], int] = {
            self._edit: 60 if self._crowded else 40,
            self._add: 8,
            self._delete: 4,
            self._move: 8,
            self._move_and_edit: 7,
            self._flip_mode: 6,
            self._copy: 3 if self._copies else 0,
            self._move_folder: 2,
            self._swap_kind: 2,
            self._retype: 2,
            self._swap: 2 if self._copies else 0,
            self._move_lines: 4,
        }
        (change,) = self._chance.choices(list(weights), list(weights.values()))
        change(files, path, tag)

    def _edit(self, files: Files, path: str, tag: str) -> None:
        mode, content = files[path]
        files[path] = (mode, self._edited(mode, content, tag))

    def _edited(self, mode: str, content: Content, tag: str) -> Content:
        if mode == MODULE:
            return self._commit_name()
        if mode == LINK:
            return content + b"2"
        if b"\0" in content:
            return self._binary()
        chance = self._chance
        lines, end = _split(content)
        carriage = b"\r" if lines and lines[0].endswith(b"\r") else b""
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            start, count = chance.randint(0, len(lines)), chance.choice([0, 0, 1, 1, 2, 4])
            new = [self._line(tag) + carriage for _ in range(chance.choice([0, 1, 1, 2, 3]))]
            lines[start : start + count] = new
        rare = chance.random()
        if rare < 0.05:
            end = b"" if end else b"\n"
        elif rare < 0.08:
            lines = [line.removesuffix(b"\r") + (b"" if carriage else b"\r") for line in lines]
        return b"\n".join(lines) + (end if lines else b"")

    def _add(self, files: Files, path: str, tag: str) -> None:
        self._place(files, self._new_file(tag))

    def _copy(self, files: Files, path: str, tag: str) -> None:
        self._place(files, files[path])

    def _delete(self, files: Files, path: str, tag: str) -> None:
        del files[path]

    def _move(self, files: Files, path: str, tag: str) -> None:
        self._place(files, files.pop(path))

    def _move_and_edit(self, files: Files, path: str, tag: str) -> None:
        mode, content = files.pop(path)
        self._place(files, (mode, self._edited(mode, content, tag) if mode in TEXT else content))

    def _flip_mode(self, files: Files, path: str, tag: str) -> None:
        mode, content = files[path]
        if mode in TEXT:
            files[path] = (TEXT[1 - TEXT.index(mode)], content)

    def _move_folder(self, files: Files, path: str, tag: str) -> None:
        head, slash, _ = path.partition("/")
        inside = [name for name in files if name.startswith(f"{head}/")] if slash else []
        to = self._chance.choice(["g", "h"])
        for name in inside:
            if _free(files, to + name.removeprefix(head)):
                files[to + name.removeprefix(head)] = files.pop(name)

    def _swap_kind(self, files: Files, path: str, tag: str) -> None:
        """A directory where a file was."""
        files[f"{path}/inside"] = files.pop(path)

    def _retype(self, files: Files, path: str, tag: str) -> None:
        mode, _ = files[path]
        if mode in TEXT:
            files[path] = (LINK, f"to{self._next()}".encode())

    def _swap(self, files: Files, path: str, tag: str) -> None:
        other = self._chance.choice(sorted(files))
        files[path], files[other] = files[other], files[path]

    def _move_lines(self, files: Files, path: str, tag: str) -> None:
        """Some lines, from one file to another or to another place of the same."""
        mode, content = files[path]
        other = self._chance.choice(sorted(files))
        if mode not in TEXT or files[other][0] not in TEXT:
            return
        if b"\0" in content + files[other][1]:
            return
        lines, end = _split(content)
        start = self._chance.randrange(len(lines) + 1)
        block = lines[start : start + 3]
        del lines[start : start + 3]
        files[path] = (mode, b"\n".join(lines) + (end if lines else b""))
        mode, content = files[other]
        lines, end = _split(content)
        start = self._chance.randrange(len(lines) + 1)
        lines[start:start] = block
        files[other] = (mode, b"\n".join(lines) + (end if lines else b""))

    def _place(self, files: Files, file: tuple[str, Content]) -> None:
        for _ in range(20):
            name = self._chance.choice(FOLDERS) + self._chance.choice(NAMES)
            if _free(files, name):
                files[name] = file
                return


def _split(content: Content) -> tuple[list[bytes], bytes]:
    """The lines without their newlines, and the newline at the end, if any."""
    if not content:
        return [], b"\n"
    end = b"\n" if content.endswith(b"\n") else b""
    return content.removesuffix(b"\n").split(b"\n"), end


def _free(files: Mapping[str, object], path: str) -> bool:
    parts = path.split("/")
    above = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return above.isdisjoint(files) and not any(name.startswith(f"{path}/") for name in files)
