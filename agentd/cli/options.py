"""Options that several commands of both programs have in common, each with one meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

RepositoryOption = Annotated[
    Path,
    typer.Option(
        "--repo", metavar="DIR", help="The git repository, a worktree of it, or a bare one."
    ),
]
WorktreeOption = Annotated[
    Path,
    typer.Option("--repo", metavar="DIR", help="The git repository, or a worktree of it."),
]
BundleFilesOption = Annotated[
    list[Path] | None,
    typer.Option("--bundle", metavar="FILE", help="A bundle as a JSON file. Many times."),
]
PatchFilesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--patch",
        metavar="FILE",
        help="A unified diff, or Codex's `*** Begin Patch`. Its owner is the file's name. "
        "Many times.",
    ),
]
BranchesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--branch",
        metavar="REV",
        help="A branch or revision. Its owner is the name as given. Many times.",
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Also write the review as a web page.", dir_okay=False
    ),
]
HunksOption = Annotated[
    bool, typer.Option("--hunks", help="Show both sides of conflicting hunks side by side.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def version_option(program: str) -> OptionInfo:
    """The option that prints a program's version and ends it."""

    def show(wanted: bool) -> None:  # noqa: FBT001 (typer calls it so)
        if wanted:
            from agentd import __version__

            typer.echo(f"{program} {__version__}")
            raise typer.Exit

    option: OptionInfo = typer.Option(
        "--version", help="Print the version.", callback=show, is_eager=True
    )
    return option
