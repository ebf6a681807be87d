"""Repositories of any size with many bundles on them, made in one `git fast-import`.

Each bundle changes a few files of its own and, one time in five, one of a few that many change, as
a configuration or a table of contents would be.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.report import BenchmarkFailed

LINES: Final = 60
HOT_FILES: Final = 20
HOT_SHARE: Final = 0.2
PATHS_PER_BUNDLE: Final = 4
_SEED: Final = 20


@dataclass(frozen=True, slots=True)
class Crowded:
    """A repository with bundles as branches `agent-0`, `agent-1`, … on `main`."""

    path: Path
    environment: Mapping[str, str]
    files: int
    bundles: int

    def branch(self, number: int) -> str:
        """The name of a bundle's branch."""
        return f"agent-{number}"


def make_crowded(
    path: Path, environment: Mapping[str, str], *, files: int, bundles: int
) -> Crowded:
    """Makes the repository; the same arguments make the same one."""
    path.mkdir()
    subprocess.run(
        ["git", "init", "--quiet", "--bare", "--initial-branch=main"],
        cwd=path,
        env=dict(environment),
        check=True,
    )
    # Piece by piece: what this process holds counts as memory of those that it starts.
    with subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=path, env=dict(environment), stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        for piece in _stream(files, bundles):
            process.stdin.write(piece.encode())
    if process.returncode:
        raise BenchmarkFailed(f"git fast-import failed ({process.returncode})")
    return Crowded(path, environment, files, bundles)


def write_patches(crowded: Crowded, directory: Path) -> list[Path]:
    """A file for each bundle with its patch on `main`, in their order."""
    written = []
    for number in range(crowded.bundles):
        done = subprocess.run(
            ["git", "diff-tree", "-p", "--full-index", "main", crowded.branch(number)],
            cwd=crowded.path,
            env=dict(crowded.environment),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkFailed(f"git diff-tree failed:\n{done.stderr.decode()}")
        written.append(directory / f"{crowded.branch(number)}.diff")
        written[-1].write_bytes(done.stdout)
    return written


def _stream(files: int, bundles: int) -> Iterator[str]:
    chosen = random.Random(_SEED)
    paths = [f"src/part_{number % 211}/module_{number}.py" for number in range(files)]
    hot = chosen.sample(paths, HOT_FILES)
    yield "commit refs/heads/main\nmark :1\n" + _PERSON + _data("all files")
    for number, path in enumerate(paths):
        yield _file(path, "".join(_lines(number)))
    numbers = {path: number for number, path in enumerate(paths)}
    for bundle in range(bundles):
        yield f"commit refs/heads/agent-{bundle}\n{_PERSON}{_data(f'agent {bundle}')}from :1\n"
        mine = {
            chosen.choice(hot if chosen.random() < HOT_SHARE else paths)
            for _ in range(PATHS_PER_BUNDLE)
        }
        for path in sorted(mine):
            lines = _lines(numbers[path])
            at = chosen.randrange(2, LINES - 2)
            lines[at] = f"value_{at} = 'agent-{bundle}'\n"
            yield _file(path, "".join(lines))


def _lines(number: int) -> list[str]:
    # Few different contents, so that a large repository is quickly made.
    return [f"value_{line} = {number % 97 * line}\n" for line in range(LINES)]


_PERSON: Final = "committer Bench <bench@example.invalid> 1700000000 +0000\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _file(path: str, text: str) -> str:
    return f"M 100644 inline {path}\n{_data(text)}"
