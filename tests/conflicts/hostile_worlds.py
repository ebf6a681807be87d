"""Random repositories and bundles as nobody wishes for: odd names, contents, commits and patches.

One seed is one world. Lines that count are named after who wrote them, as in `random_worlds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.conflicts.random_worlds import LINK, MODULE, TEXT, Content, Files, Proposal, World

NAMES: Final = (
    *("-rf", "a\nb", "tab\t", "\x1b[31mred", "\u202egpj.exe", "é", "e\u0301", "CON", "A", "a"),
    *("a:b", "[red]x[", ":(top)x", "HEAD", "@{0}", "'q\"", "back\\slash", " lead", "trail ", "*"),
    *("\udcff\udcfe", "x" * 255, "{a,b}", "%s%n", "#x", "~", "!x", ".gitignore", "<b>", "$(id)"),
    *("m.py", "m.js", "m.json", "m.yaml", "m.toml", "go.mod", "CHANGELOG.md", "0001_a.sql"),
)
FOLDERS: Final = ("", "", "", "d/", "D/", "-/", "d/d/d/d/d/d/", "\n/", "src/")
UNSAFE: Final = (".git", ".GIT", "..", "git~1", ".g\u200cit", ".git ", "x" * 256)
ODD: Final[tuple[Content, ...]] = (
    *(b"", b"\n", b"\n\n\n", b"\r", b"\r\n", b"\0", b"\xff\xfe\n", b"\xef\xbb\xbfx = 1\n", b"{"),
    *(b"<<<<<<< a\n=======\n>>>>>>> b\n", b"(" * 3_000, b'{"a":' * 2_000, b"a." * 500 + b"a = 1"),
    *(b"k: 1\n" * 50, b"*\n!*\n", b"x" * 70_000, b"def f(: pass\n", b"\x1b]0;t\x07\n"),
)
TEXTS: Final = ("", "\x1b[31m[red]x[/red]", "<script>", "\udcff", "\0", "x" * 9_000, "%s {x}", "é")
CLAIMS: Final = (
    *("intent", "summary", "touched_paths", "assumptions", "verification", "confidence"),
    *("created_at", "alternative_of", "supersedes", "reason"),
)


@dataclass(frozen=True)
class HostileWorld:
    """A world, and how its bundles come in."""

    world: World
    crossed: frozenset[int]
    """Proposals whose commit has a second parent, so that their base is not the one named."""
    damaged: dict[int, Random]
    """Proposals that come as patches which were changed on their way."""
    as_patches: frozenset[int]
    claims: dict[int, dict[str, Any]]
    """What the bundles say of themselves."""


def hostile_world(seed: int) -> HostileWorld:
    """The world of a seed."""
    return _Maker(Random(seed)).world()


class _Maker:
    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._count = 0

    def world(self) -> HostileWorld:
        chance = self._chance
        start: Files = {"still": ("100644", b"as it was\n")}
        for _ in range(chance.choice([0, 1, 5, 12, 40])):
            self._place(start, "start")
        history = [start]
        for number in range(chance.choice([0, 0, 1, 3])):
            history.append(self._changed(history[-1], f"target{number}"))
        proposals = []
        for number in range(chance.choice([1, 2, 3, 5, 8])):
            base = chance.randrange(len(history))
            proposals.append(Proposal(base, self._changed(history[base], f"bundle{number}")))
        numbers = range(len(proposals))
        damaged = {n: Random(chance.random()) for n in numbers if chance.random() < 0.2}
        return HostileWorld(
            World(tuple(history), tuple(proposals)),
            frozenset(n for n in numbers if chance.random() < 0.15),
            damaged,
            frozenset(n for n in numbers if chance.random() < 0.3) | damaged.keys(),
            {n: self._claims() for n in numbers},
        )

    def _claims(self) -> dict[str, Any]:
        chance = self._chance
        odd: list[Any] = [None, 1, -1.5, [], {}, True, *TEXTS]
        said = {key: chance.choice(odd) for key in CLAIMS if chance.random() < 0.2}
        if chance.random() < 0.4:
            forms = ("path_exists:", "path_absent:", "symbol_exists:", "signature:", "command:")
            said["assumptions"] = [
                chance.choice(forms)
                + chance.choice(NAMES)
                + chance.choice(("", "::f", "::f(", "="))
                for _ in range(3)
            ]
        return said

    def _changed(self, before: Files, tag: str) -> Files:
        chance = self._chance
        files = dict(before)
        for _ in range(chance.choice([0, 1, 1, 2, 4, 30])):
            paths = sorted(files.keys() - {"still"})
            kind = chance.random()
            if kind < 0.35 or not paths:
                self._place(files, tag)
                continue
            path = chance.choice(paths)
            mode, content = files[path]
            if kind < 0.7:
                files[path] = (mode, self._edited(mode, content, tag))
            elif kind < 0.8:
                del files[path]
            elif kind < 0.9:
                moved = files.pop(path)
                self._place(files, tag, moved)
            else:
                files[path] = self._file(tag)
        if chance.random() < 0.05:
            files[chance.choice(UNSAFE)] = ("100644", b"unsafe\n")
        return files

    def _edited(self, mode: str, content: Content, tag: str) -> Content:
        if mode == MODULE:
            return self._commit_name()
        if mode == LINK or b"\0" in content:
            return content + b"x"
        lines = content.split(b"\n")
        at = self._chance.randrange(len(lines) + 1)
        lines[at : at + self._chance.choice([0, 1, 3])] = self._lines(tag)
        return b"\n".join(lines)

    def _place(self, files: Files, tag: str, file: tuple[str, Content] | None = None) -> None:
        for _ in range(20):
            path = self._chance.choice(FOLDERS) + self._chance.choice(NAMES)
            parts = path.split("/")
            above = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
            below = any(name.startswith(f"{path}/") for name in files)
            if above.isdisjoint(files) and not below:
                files[path] = file or self._file(tag)
                return

    def _file(self, tag: str) -> tuple[str, Content]:
        kind = self._chance.random()
        if kind < 0.08:
            return LINK, self._chance.choice([b"still", b"../../etc/passwd", b"/etc", b"", b"a\nb"])
        if kind < 0.14:
            return MODULE, self._commit_name()
        if kind < 0.5:
            return self._chance.choice(TEXT), self._chance.choice(ODD)
        end = self._chance.choice([b"\n", b"\n", b"\r\n"])
        text = end.join(line for _ in range(8) for line in self._lines(tag))
        return self._chance.choice(TEXT), text + self._chance.choice([end, b""])

    def _lines(self, tag: str) -> list[bytes]:
        self._count += 2
        own = f"{tag} wrote {self._count}".encode()
        return [own, self._chance.choice([b"", b"}", b"same", own + b" too"])]

    def _commit_name(self) -> Content:
        return self._chance.randbytes(20).hex().encode()


def damaged_patch(patch: bytes, chance: Random) -> bytes:
    """A patch that was changed on its way."""
    lines = patch.split(b"\n")
    for _ in range(chance.choice([1, 1, 3])):
        at = chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind == 0:
            del lines[at : at + 1]
        elif kind == 1:
            lines.insert(at, chance.choice(lines))
        elif kind == 2:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        elif kind == 3:
            lines[at] += chance.choice([b"\r", b"\0", b" ", b"\xff"])
        elif kind == 4:
            lines[at] = chance.choice([b"@@ -1 +1 @@", b"--- a/x", b"+++ b/../x"])
        else:
            lines = lines[: at + 1]
        lines = lines or [b""]
    return b"\n".join(lines)
