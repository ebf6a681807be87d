"""How long one waits for agentd, and what it takes to have it: beside a bare interpreter.

Importing costs most of a start, so everything is given beside `python -c pass` of the same run.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import servers
from benchmarks.report import BenchmarkFailed, Goal, Report
from benchmarks.workplace import Workplace, clean_environment

ANSWER_MS_MAX = 500.0
HELP_MS_MAX = 250.0
HOOK_MS_MAX = 100.0
IDLE_MIB_MAX = 60.0
SETTLE_SECS = 1.5
"""After this the daemon has swept at least once and is idle."""

BARE = "python -c pass"
FRESH = "daemon, new home: first answer"
AGAIN = "daemon, home in use: first answer"
HOOK = "agentd-hook: locks a file"
HOOK_REFUSES = "agentd-hook: refuses another's file"

_OWN_MEMORY = "print(open('/proc/self/status').read())"
_HEALTH = b'{"id":1,"method":"Health"}\n'


@dataclass(frozen=True, slots=True)
class _Took:
    """How long something took."""

    ms: float
    cpu_ms: float
    """Processor time: says the same on a busy machine as on an idle one."""


def run(workplace: Workplace) -> Report:
    """The measurements."""
    rounds = 3 if workplace.quick else 11
    home = servers.agentd_home(workplace)
    environment = clean_environment(home)
    commands: Mapping[str, Sequence[str]] = {
        BARE: [sys.executable, "-c", "pass"],
        "agentd-coord --help": [*_program("agentd-coord", "agentd.cli.coord"), "--help"],
        "agentd --help": [*_program("agentd", "agentd.cli.daemon"), "--help"],
    }
    workplace.say("starting commands and daemons in turns")
    measured = (*commands, FRESH, AGAIN, HOOK, HOOK_REFUSES)
    took: dict[str, list[_Took]] = {name: [] for name in measured}
    idle: float | None = None
    for number in range(rounds):
        for name, command in commands.items():
            took[name].append(_command(command, environment))
        new_home = home / f"home-{number}"
        new_home.mkdir(mode=0o700)
        for name in (FRESH, AGAIN):
            with _daemon(workplace, new_home) as (pid, started):
                took[name].append(started)
                if name == FRESH:
                    for hook, session in ((HOOK, "a"), (HOOK_REFUSES, "b")):
                        took[hook].append(_hook(workplace, new_home, session))
                if idle is None:
                    time.sleep(SETTLE_SECS)
                    idle = _resident_mib(pid)
    middle = {
        name: _Took(median(one.ms for one in many), median(one.cpu_ms for one in many))
        for name, many in took.items()
    }
    return _report(middle, idle, _interpreter_mib(environment), rounds)


def _report(
    took: Mapping[str, _Took], idle: float | None, bare: float | None, rounds: int
) -> Report:
    base = took[BARE].ms
    rows = [
        (name, f"{one.ms:.0f} ms", f"{one.ms / base:.1f}×", f"{one.cpu_ms:.0f} ms")
        for name, one in took.items()
    ]
    answer = max(took[FRESH].ms, took[AGAIN].ms)
    goals = [
        Goal("daemon's first answer", answer, ANSWER_MS_MAX, "ms"),
        Goal("agentd-coord --help", took["agentd-coord --help"].ms, HELP_MS_MAX, "ms"),
        Goal("agentd --help", took["agentd --help"].ms, HELP_MS_MAX, "ms"),
        Goal("agentd-hook", max(took[HOOK].ms, took[HOOK_REFUSES].ms), HOOK_MS_MAX, "ms"),
    ]
    notes = [f"medians of {rounds}, taking turns; a daemon's time ends with its answer to Health"]
    if idle is None or bare is None:
        notes.append("memory is not measured: this system has no /proc")
    else:
        rows.append(("memory of a bare interpreter", f"{bare:.1f} MiB", "1.0×", ""))
        rows.append(("memory of the idle daemon", f"{idle:.1f} MiB", f"{idle / bare:.1f}×", ""))
        goals.append(Goal("memory of the idle daemon", idle, IDLE_MIB_MAX, "MiB"))
    return Report(
        name="start",
        title="starting, beside a bare interpreter",
        columns=("what", "measured", "to the bare one", "processor"),
        rows=rows,
        goals=goals,
        notes=notes,
        figures={
            "took": {name: asdict(one) for name, one in took.items()},
            "idle_mib": idle,
            "interpreter_mib": bare,
        },
    )


def _program(name: str, module: str) -> list[str]:
    """The installed command, or the module where there is none beside this interpreter."""
    installed = Path(sys.executable).with_name(name)
    return [str(installed)] if installed.exists() else [sys.executable, "-m", module]


def _hook(workplace: Workplace, home: Path, session: str) -> _Took:
    """A call of the hook as it is installed, before a session writes a file that all want."""
    payload = {
        "session_id": session,
        "cwd": str(servers.ROOT),
        "hook_event_name": "PreToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": str(servers.ROOT / "README.md")},
    }
    script = servers.ROOT / "agentd" / "hook" / "__main__.py"
    return _command(
        [sys.executable, "-I", "-S", "-X", "utf8", str(script), "claude_code"],
        servers.agentd_environment(workplace, home, workplace.sockets / "agentd.sock"),
        json.dumps(payload).encode(),
    )


def _command(command: Sequence[str], environment: Mapping[str, str], given: bytes = b"") -> _Took:
    """Runs a command to its end."""
    start, cpu = time.perf_counter(), _children_secs()
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=servers.ROOT,
        input=given,
        capture_output=True,
        check=False,
    )
    took = _Took((time.perf_counter() - start) * 1000, (_children_secs() - cpu) * 1000)
    if done.returncode:
        raise BenchmarkFailed(f"{' '.join(command)} failed:\n{done.stderr.decode()}")
    return took


@contextmanager
def _daemon(workplace: Workplace, home: Path) -> Iterator[tuple[int, _Took]]:
    """A daemon that has just answered for the first time: its process id, and how long it took."""
    address = workplace.sockets / "agentd.sock"
    with (home / "daemon.log").open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            _program("agentd", "agentd.cli.daemon"),
            env=servers.agentd_environment(workplace, home, address),
            cwd=servers.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        while not (answer := _health(address)):
            if process.poll() is not None or time.perf_counter() - start > servers.START_SECS_MAX:
                said = (home / "daemon.log").read_text(errors="replace")
                raise BenchmarkFailed(f"the daemon did not start:\n{said}")
            time.sleep(0.001)
        spent = time.perf_counter() - start
        if json.loads(answer)["result"]["status"] != "ok":
            raise BenchmarkFailed(f"the daemon is not well: {answer.decode()}")
        yield process.pid, _Took(spent * 1000, _process_ms(process.pid))
    finally:
        servers.stop(process)


def _children_secs() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _process_ms(pid: int) -> float:
    """Processor time that a running process has used; not a number without /proc."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return float("nan")
    ticks = sum(int(field) for field in after_name.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK") * 1000


def _health(address: Path) -> bytes:
    """The daemon's answer; nothing while it does not listen yet."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            return b""
        connection.sendall(_HEALTH)
        return connection.makefile("rb").readline()


def _resident_mib(pid: int) -> float | None:
    try:
        return _parsed_mib(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _interpreter_mib(environment: Mapping[str, str]) -> float | None:
    if not Path("/proc/self/status").exists():
        return None
    said = subprocess.run(
        [sys.executable, "-c", _OWN_MEMORY],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return _parsed_mib(said.stdout)


def _parsed_mib(status: str) -> float:
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
