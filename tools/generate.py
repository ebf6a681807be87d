"""Writes what is made from the tables of the code: documentation and client methods.

`python -m tools.generate` writes the files; with `--check` it writes nothing, names those that are
out of date and exits 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tools import cli_page, client_methods, errors_page, protocol_page, settings_page
from tools.sections import with_sections

ROOT: Final = Path(__file__).resolve().parent.parent
STORIES: Final = ROOT / "tests" / "protocol" / "transcripts" / "stories"

FILES: Final[Mapping[str, Callable[[], str]]] = {
    ".env.example": settings_page.env_example,
    "agentd/client/async_methods.py": lambda: client_methods.render(is_async=True),
    "agentd/client/sync_methods.py": lambda: client_methods.render(is_async=False),
}
"""Files that are generated as a whole."""

PAGES: Final[Mapping[str, Callable[[], Mapping[str, str]]]] = {
    "docs/cli.md": cli_page.sections,
    "docs/concepts.md": lambda: {"state-diagram": protocol_page.state_diagram()},
    "docs/errors.md": errors_page.sections,
    "docs/operations.md": settings_page.sections,
    "docs/protocol.md": lambda: protocol_page.sections(STORIES),
}
"""Hand-written pages with generated sections between markers."""


def generated() -> dict[Path, str]:
    """Every generated file with the content that it should have."""
    whole = {ROOT / name: render() for name, render in FILES.items()}
    pages = {
        ROOT / name: with_sections((ROOT / name).read_text(), sections())
        for name, sections in PAGES.items()
    }
    return whole | pages


def stale(files: Mapping[Path, str]) -> list[Path]:
    """The files whose content on disk is another one."""
    return [path for path, text in files.items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if stale")
    options = parser.parse_args(arguments)
    files = generated()
    changed = stale(files)
    for path in changed:
        name = path.relative_to(ROOT)
        if options.check:
            print(f"{name} is out of date; run: make docs", file=sys.stderr)
        else:
            path.write_text(files[path])
            print(f"wrote {name}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
