"""The options of the commands that edit the settings files of agents' programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProviderArgument = Annotated[
    str,
    typer.Argument(metavar="PROVIDER", help="codex, claude_code, gemini, qwen or antigravity."),
]
ProjectOption = Annotated[
    bool,
    typer.Option(
        "--project/--user", help="In the settings of this repository, or in your own ones."
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]
RepositoryOption = Annotated[
    Path, typer.Option("--repo", help="A directory of the repository, for --project.")
]
