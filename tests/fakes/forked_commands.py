"""Runs `agentd-coord`, or a daemon, without waiting for its imports: forked off one that has them.

Each run is a process of its own, with its own arguments, directory, environment, output and exit
code, that runs the module from its first line. Only what an interpreter does before that is shared.
Started as a program, this module is the process that is forked off; `forked_stand_in` is what
others can start in a command's place.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.fakes.patience import PATIENCE_SECS

_MODULE: Final = "agentd.cli.coord"
_DAEMON: Final = "agentd.client.leashed"
_FULL_OF_IMPORTS: Final = (
    *("agentd.cli", "agentd.conflicts", "agentd.client", "agentd.core", "agentd.mcp"),
)
_RUN_AS_PROGRAMS: Final = (_MODULE, "agentd.cli.daemon", _DAEMON)
_READ_BY_INTERPRETERS: Final = ("PYTHON", "LC_", "LANG", "TZ")
_REQUEST_BYTES_MAX: Final = 2**20
_HERE: Final = Path(__file__).parents[2]
_STAND_IN: Final = Path(__file__).with_name("forked_stand_in.py")


class ForkedCommands:
    """A process that has imported what commands need; `run` has it fork one off."""

    def __init__(self, address: Path) -> None:
        self._address = address

    def to_start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
        """What others can start as `agentd-coord`: a small program with a forked one behind it."""
        if _is_for_interpreters(environment):
            return [sys.executable, "-m", _MODULE, *arguments]
        return [*self._stand_in(), _MODULE, *arguments]

    def daemon(self, environment: Mapping[str, str]) -> list[str]:
        """The same of the daemon on a leash, for `running_daemon`."""
        if _is_for_interpreters(environment):
            return [sys.executable, "-m", _DAEMON]
        return [*self._stand_in(), _DAEMON]

    def _stand_in(self) -> list[str]:
        return [sys.executable, "-I", "-S", str(_STAND_IN), str(self._address)]

    def run(
        self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Runs `agentd-coord` to its end, as `subprocess.run` does with captured output.

        Raises `subprocess.TimeoutExpired`, after killing it.
        """
        if _is_for_interpreters(environment):
            command = [sys.executable, "-m", _MODULE, *arguments]
            return subprocess.run(
                command, cwd=directory, env=dict(environment), capture_output=True, text=True,
                timeout=PATIENCE_SECS, check=False,
            )  # fmt: skip
        words = [_MODULE, *arguments]
        request = json.dumps([words, os.fspath(directory), dict(environment)]).encode()
        assert len(request) <= _REQUEST_BYTES_MAX
        pipes = [os.pipe() for _ in range(3)]
        try:
            with (
                open(os.devnull, "rb") as nothing,
                socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection,
            ):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _REQUEST_BYTES_MAX)
                connection.connect(str(self._address))
                out, err, ended = (writing for _, writing in pipes)
                socket.send_fds(connection, [request], [ended, nothing.fileno(), out, err])
        finally:
            for _, writing in pipes:
                os.close(writing)
        said, complaints, end = _read_all([reading for reading, _ in pipes])
        code = os.waitstatus_to_exitcode(int(end.split()[-1]))
        return subprocess.CompletedProcess(words[1:], code, said.decode(), complaints.decode())


def _is_for_interpreters(environment: Mapping[str, str]) -> bool:
    """Whether it has what counts when an interpreter starts, other than ours has."""
    names = {*environment, *os.environ}
    return any(
        environment.get(name) != os.environ.get(name)
        for name in names
        if name.startswith(_READ_BY_INTERPRETERS)
    )


def _read_all(pipes: Sequence[int]) -> list[bytes]:
    """What comes through pipes until all their writers have closed them."""
    read = {pipe: bytearray() for pipe in pipes}
    deadline = time.monotonic() + PATIENCE_SECS
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            assert ready, f"it did not end; it has written: {read}"
            for key, _ in ready:
                chunk = os.read(key.fd, 65_536)
                read[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return [bytes(read[pipe]) for pipe in pipes]


@contextmanager
def forked_commands() -> Iterator[ForkedCommands]:
    """Has the process that is forked off, for the duration of a `with` block."""
    with tempfile.TemporaryDirectory(prefix="forked-", dir="/tmp") as directory:
        address = Path(directory) / "socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(address))
            listener.listen(64)
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listener.fileno())],
                cwd=_HERE,
                stdin=subprocess.PIPE,  # It ends when this end of the pipe is gone.
                pass_fds=[listener.fileno()],
            )
        with process:
            yield ForkedCommands(address)
    assert process.returncode == 0


def _import_all() -> None:
    for name in _FULL_OF_IMPORTS:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if found.name not in _RUN_AS_PROGRAMS and "__main__" not in found.name:
                importlib.import_module(found.name)


def _serve(listener: socket.socket) -> list[str] | None:
    """Forks off programs; returns one's module and arguments, in its process; None at the end."""
    waiting = 0
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            if any(key.fileobj == 0 for key, _ in selector.select()):
                return None
            with listener.accept()[0] as connection:
                request, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES_MAX, 5)
            if os.fork() == 0:
                listener.close()
                return _become(request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            waiting += 1
            while waiting and os.waitpid(-1, os.WNOHANG) != (0, 0):
                waiting -= 1


def _become(request: bytes, descriptors: Sequence[int]) -> list[str]:
    """Forks once more: the one tells the other's number and exit code, which is the command."""
    ended, *streams = descriptors
    command = os.fork()
    if command:
        for descriptor in streams:
            os.close(descriptor)
        os.write(ended, f"{command}\n".encode())
        os.write(ended, f"{os.waitpid(command, 0)[1]}\n".encode())
        os._exit(0)
    os.close(ended)
    for place, descriptor in enumerate(streams[:3]):
        os.dup2(descriptor, place)
        os.close(descriptor)
    # The streams that are there may be of a file, and remember that it can be gone back in.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    words, directory, environment = json.loads(request)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    if len(streams) > 3:
        words[-1] = streams[3]  # The leash, as it is called here.
    return [str(word) for word in words]


if __name__ == "__main__":
    _import_all()
    gc.freeze()
    given = _serve(socket.socket(fileno=int(sys.argv[1])))
    if given is not None:
        sys.argv[1:] = given[1:]
        runpy.run_module(given[0], run_name="__main__", alter_sys=True)
