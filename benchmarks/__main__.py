"""`python -m benchmarks [NAME…]`: runs the benchmarks and prints their tables."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.report import BenchmarkFailed, Report
from benchmarks.workplace import Workplace, filesystem_of, open_workplace

BENCHMARKS: Mapping[str, str] = {
    "locks": "lock operations a second beside a naive daemon, PostgreSQL and Redis",
    "nodes": "acquiring a node in a task of 100,000 beside one of 100",
    "start": "time to the first answer, to --help, and memory, beside a bare interpreter",
    "pairs": "the conflict matrix of 1,000 bundles beside asking git about every pair",
    "review": "judging 50 bundles on 2,000 files beside one git merge-tree a pair",
    "radar": "from a saved file to the line about it, beside one git status",
}

EPILOG = """\
benchmarks:
{names}

PostgreSQL and Redis are compared with when they are installed. On Debian:
  apt install --no-install-recommends postgresql redis-server
  pip install 'agentd-coord[bench]'      (asyncpg)
Neither needs to be running: the benchmark starts its own, on Unix sockets, in a directory that it
removes. As root it runs PostgreSQL as the user postgres or nobody.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what was asked for. 0 when all ran, whether or not the goals were met."""
    options = _parser().parse_args(arguments)
    reports: list[Report] = []
    failed = False
    for name in options.names or list(BENCHMARKS):
        run: Callable[[Workplace], Report] = import_module(f"benchmarks.{name}").run
        _say(f"{name}: on {filesystem_of(options.dir)}, below {options.dir}")
        try:
            with open_workplace(
                options.dir, quick=options.quick, fsync_ms=options.fsync_ms, say=_say
            ) as workplace:
                report = run(workplace)
        except BenchmarkFailed as error:
            _say(f"{name} failed: {error}")
            failed = True
            continue
        print(report.text(), flush=True)
        reports.append(report)
    if options.json:
        document = {"processors": os.cpu_count(), "reports": [r.to_json() for r in reports]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    names = "\n".join(f"  {name:8}{summary}" for name, summary in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures agentd beside other ways of doing the same, in the same run.",
        epilog=EPILOG.format(names=names),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # argparse checks the default of a list against `choices`, so they are checked here instead.
    parser.add_argument("names", nargs="*", metavar="NAME", type=_name, help="left out: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--quick", action="store_true", help="short rounds, to see that it works")
    parser.add_argument(
        "--dir",
        type=_directory,
        default=Path.cwd(),
        metavar="DIR",
        help="measure on the disk of DIR (default: the current directory)",
    )
    parser.add_argument(
        "--fsync-ms",
        type=float,
        metavar="MS",
        help="let every fsync of the servers last at least MS, as on a slower disk (needs cc)",
    )
    return parser


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text}: not one of {', '.join(BENCHMARKS)}")
    return text


def _directory(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: not a directory")
    return path


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
