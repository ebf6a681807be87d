"""Where a benchmark runs: its directory, its disk, and what the programs it starts inherit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import BenchmarkFailed

SLOW_FSYNC_SOURCE = Path(__file__).with_name("slow_fsync.c")


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every benchmark is given."""

    directory: Path
    """Empty, on the disk that is measured; removed afterwards."""
    sockets: Path
    """Empty and with a short path, because socket addresses are short; removed afterwards."""
    quick: bool
    """Fewer and shorter rounds: to see that it works, not to quote."""
    fsync_ms: float | None
    """Every fsync of a measured server lasts at least that long."""
    say: Callable[[str], None]
    """Tells people how far it is."""

    def subdirectory(self, name: str) -> Path:
        """A new directory on the measured disk."""
        path = self.directory / name
        path.mkdir(mode=0o711)
        return path

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a program that is measured: no settings of the user's get in."""
        return {**clean_environment(home), **self.preload()}

    def preload(self) -> Mapping[str, str]:
        """What slows a server's fsync down, if anything does."""
        if self.fsync_ms is None:
            return {}
        library = self.directory / "slow_fsync.so"
        if not library.exists():
            _compile(SLOW_FSYNC_SOURCE, library)
        return {"LD_PRELOAD": str(library), "SLOW_FSYNC_MICROS": str(round(self.fsync_ms * 1000))}


def clean_environment(home: Path) -> dict[str, str]:
    """The process environment without agentd's and git's settings, with another home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AGENTD_", "GIT_", "PG", "PYTHON")) and name != "RUST_LOG"
    }
    return {
        **kept,
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }


@contextmanager
def open_workplace(
    parent: Path, *, quick: bool, fsync_ms: float | None, say: Callable[[str], None]
) -> Iterator[Workplace]:
    """A workplace below `parent` that is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix=".benchmark-", dir=parent))
    sockets = Path(tempfile.mkdtemp(prefix="agentd-bench-", dir="/tmp"))
    try:
        # A database server that may not run as root has to find its way down here.
        directory.chmod(0o711)
        sockets.chmod(0o755)
        yield Workplace(directory, sockets, quick, fsync_ms, say)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under a workplace."""

    filesystem: str
    fsync_median_ms: float
    fsync_p99_ms: float

    def __str__(self) -> str:
        return (
            f"{self.filesystem}; fdatasync of 4 KiB appended: median "
            f"{self.fsync_median_ms:.3f} ms, p99 {self.fsync_p99_ms:.3f} ms"
        )


def measure_disk(workplace: Workplace) -> Disk:
    """Times appending 4 KiB and making it durable, as the measured servers see it."""
    probe = subprocess.run(
        [sys.executable, "-m", "benchmarks.fsync_probe", str(workplace.directory / "probe")],
        env={**clean_environment(workplace.directory), **workplace.preload()},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    median, p99 = (float(word) for word in probe.stdout.split())
    return Disk(filesystem_of(workplace.directory), median, p99)


def filesystem_of(path: Path) -> str:
    """The type of the filesystem and where it is mounted, such as `ext4 on /`."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    except OSError:
        return "unknown filesystem"
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in reversed(mounts.splitlines()):
        fields, _, source = line.partition(" - ")
        number, mount_point = fields.split()[2], fields.split()[4]
        if number == wanted:
            return f"{source.split()[0]} on {mount_point}"
    return "unknown filesystem"


def _compile(source: Path, library: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchmarkFailed("--fsync-ms needs a C compiler named cc (Debian: gcc, libc6-dev)")
    built = subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise BenchmarkFailed(f"cc could not build {source.name}:\n{built.stderr}")
