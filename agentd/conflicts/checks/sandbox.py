"""The walls around a program from outside: what it may see, use up and reach.

It decides the command's environment, its limits, and, with bubblewrap, its view of the machine. The
code that runs inside is an agent's, so all of it counts as hostile. It must not know which command
runs, or what its result means.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import which
from typing import Final

from agentd.conflicts.checks.process_run import MARKER
from agentd.conflicts.policy.policy import Verification

_PATH_DEFAULT: Final = "/usr/local/bin:/usr/bin:/bin"
_PROBE_SECS: Final = 10.0

_SECRET_NAME: Final = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|AUTH|COOKIE|PRIVATE|SESSION|DSN|PAT$",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(
    r"^(sk-|gh[opsur]_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|eyJ[\w-]+\.)"
    r"|-----BEGIN|://[^/\s:@]*:[^/\s@]+@"
)

_MASKED_DIRECTORIES: Final = ("/tmp", "/var/tmp", "/run")
"""Where other programs keep their sockets and temporary files."""

_MASKED_IN_HOME: Final = (
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".gitconfig",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".config/op",
    ".password-store",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    ".codex",
    ".claude",
    ".claude.json",
    ".gemini",
    ".bash_history",
    ".zsh_history",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies where in a scratch directory."""

    root: Path

    @property
    def tree(self) -> Path:
        """The checkout, where commands start."""
        return self.root / "tree"

    @property
    def home(self) -> Path:
        """The commands' HOME."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """The commands' TMPDIR."""
        return self.root / "tmp"

    def make(self) -> None:
        """Makes the directories."""
        for directory in (self.tree, self.home, self.temporary):
            directory.mkdir(mode=0o700)


def command_environment(environ: Mapping[str, str], passed: Sequence[str]) -> dict[str, str]:
    """The part of the environment that a command may see.

    `passed` has names, or globs such as `CARGO_*`. What looks like a secret, by name or by value,
    comes through only where its very name is given. PATH keeps absolute directories alone: a
    relative one would be looked up in the checkout.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in passed
        or (any(fnmatchcase(name, glob) for glob in passed) and not looks_secret(name, value))
    }
    path = [entry for entry in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(entry)]
    return {
        **kept,
        "PATH": os.pathsep.join(path) or _PATH_DEFAULT,
        "LANG": environ.get("LANG") or "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable looks like a key, token or password."""
    return _SECRET_NAME.search(name) is not None or _SECRET_VALUE.search(value) is not None


def scratch_environment(base: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """A command's environment with the directories of one run."""
    return {
        **base,
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        # Git must not find a repository above the checkout, such as one of the home directory.
        "GIT_CEILING_DIRECTORIES": str(layout.root),
        MARKER: str(layout.root),
    }


def limited(arguments: Sequence[str], bounds: Verification, started: int) -> list[str]:
    """The program that sets the limits, tells that it got so far, and becomes the one to run.

    `started` is a descriptor that it inherits and writes one line to. The limits are set by a shell
    rather than between fork and exec, where Python must not run code when there are threads.
    A system that cannot set one goes on with the others. Data rather than address space is limited:
    runtimes reserve far more addresses than they use.
    """
    script = (
        f"ulimit -c 0 2>/dev/null || :; ulimit -t {bounds.cpu_secs_max} 2>/dev/null || :; "
        f"ulimit -f {bounds.file_bytes_max // 512} 2>/dev/null || :; "
        f"ulimit -d {bounds.memory_bytes_max // 1024} 2>/dev/null || :; "
        f'echo started > /dev/fd/{started} || exit 1; exec "$@"'
    )
    return ["/bin/sh", "-c", script, "sh", *arguments]


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Runs a program in namespaces of its own: no network, and a machine that it can only read."""

    program: str
    hidden: tuple[Path, ...]
    """Directories that it sees empty, and files that it cannot read."""
    search_path: tuple[Path, ...]
    """The directories of PATH: they stay visible where they lie in a masked directory."""

    def wrap(self, arguments: Sequence[str], layout: Layout, *, network: bool) -> list[str]:
        """The arguments that run `arguments` inside, writing only to the scratch directory."""
        walls = [self.program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"]
        walls += ["--dev", "/dev", "--proc", "/proc"]
        if network:
            walls.append("--share-net")
        masked = [Path(name) for name in _MASKED_DIRECTORIES if os.path.isdir(name)]
        for directory in masked:
            walls += ["--tmpfs", str(directory)]
        for visible in self._visible_again(masked):
            walls += ["--ro-bind-try", str(visible), str(visible)]
        if network:
            walls += ["--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve"]
        for path in self._to_hide(masked):
            walls += _hiding(path)
        walls += ["--bind", str(layout.root), str(layout.root), "--chdir", str(layout.tree)]
        return [*walls, "--", *arguments]

    def _visible_again(self, masked: Sequence[Path]) -> list[Path]:
        """Programs in masked directories, with what is installed beside them (`lib` for `bin`)."""
        found: dict[Path, None] = {}
        for entry in self.search_path:
            if any(entry.is_relative_to(directory) for directory in masked):
                installed = entry.parent if entry.name in ("bin", "sbin") else entry
                found[entry if installed in masked else installed] = None
        return list(found)

    def _to_hide(self, masked: Sequence[Path]) -> list[Path]:
        """The hidden paths that exist and are not masked already."""
        shown_again = self._visible_again(masked)

        def is_visible(path: Path) -> bool:
            under_mask = any(path.is_relative_to(directory) for directory in masked)
            return not under_mask or any(path.is_relative_to(shown) for shown in shown_again)

        real = (Path(os.path.realpath(path)) for path in self.hidden)
        return [path for path in real if path.exists() and is_visible(path)]


def find_bubblewrap(environ: Mapping[str, str], hidden: Sequence[Path]) -> Bubblewrap | None:
    """Bubblewrap, if it is installed and works here; many containers forbid namespaces.

    `hidden` is hidden besides the usual places of keys in the user's home.
    """
    program = which("bwrap", path=environ.get("PATH", _PATH_DEFAULT))
    if program is None or not _works(program):
        return None
    home = environ.get("HOME")
    in_home = [Path(home, name) for name in _MASKED_IN_HOME] if home else []
    search = [Path(entry) for entry in command_environment(environ, ())["PATH"].split(os.pathsep)]
    return Bubblewrap(program, (*in_home, *hidden), tuple(search))


def _works(program: str) -> bool:
    trial = [program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"]
    trial += ["--dev", "/dev", "--proc", "/proc", "--", "/bin/sh", "-c", ":"]
    try:
        ended = subprocess.run(
            trial,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_SECS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _hiding(path: Path) -> list[str]:
    if path.is_dir():
        return ["--tmpfs", str(path)]
    return ["--ro-bind", "/dev/null", str(path)]
