"""Writes a review's report to a file, and says where it is."""

from __future__ import annotations

import os.path
from pathlib import Path

from agentd.cli.connect import fail
from agentd.cli.out_files import write_whole
from agentd.cli.records import Record
from agentd.cli.terminal import console, printable


def write_report(path: Path, record: Record, *, as_json: bool) -> None:
    """Writes the page; its path goes to where it does not get into anybody's JSON."""
    from agentd.conflicts.report.page import render_report

    try:
        write_whole(path, render_report(record).encode())
    except OSError as error:
        fail(f"the report cannot be written to {path}: {error.strerror}")
    shown = printable(os.path.abspath(path))
    console(stderr=as_json).print(f"Report: {shown}", style="dim", soft_wrap=True)
