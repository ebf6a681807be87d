"""The generated sections of `docs/cli.md`, from the commands' own help."""

from __future__ import annotations

import importlib
import inspect

import typer
from typer._click import Command  # The type that typer's own documented functions return.
from typer.core import TyperGroup

from tools.sections import table

APPS = {"agentd": "agentd.cli.daemon", "agentd-coord": "agentd.cli.coord"}


def sections() -> dict[str, str]:
    """A section for each program: its options, its commands, their arguments and options."""
    return {program: _program(program, module) for program, module in APPS.items()}


def _program(program: str, module_name: str) -> str:
    app: typer.Typer = importlib.import_module(module_name).app
    command = typer.main.get_command(app)
    return _command(command, typer.Context(command, info_name=program), program, level=3)


def _command(command: Command, context: typer.Context, path: str, *, level: int) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"{'#' * level} {path}", _help(command.help or ""), f"```text\n{usage}\n```"]
    rows = [
        (f"`{record[0]}`", record[1])
        for param in command.get_params(context)
        if (record := param.get_help_record(context)) is not None
    ]
    parts.append(table(("argument or option", "meaning"), rows).strip())
    if command.epilog:
        parts.append(_help(command.epilog))
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                inner_context = typer.Context(inner, info_name=name, parent=context)
                parts.append(_command(inner, inner_context, f"{path} {name}", level=level + 1))
    return "\n\n".join(part for part in parts if part)


def _help(text: str) -> str:
    """A command's help as Markdown: what it indents (examples) becomes a code block."""
    lines = inspect.cleandoc(text.split("\f")[0]).replace("\b\n", "").splitlines()
    rendered: list[str] = []
    in_code = False
    for line in lines:
        code = line.startswith("  ") or (in_code and not line)
        if code != in_code:
            rendered += ["```"] if in_code else ["```text"]
        in_code = code
        rendered.append(line.removeprefix("  ") if code else line)
    return "\n".join([*rendered, *(["```"] if in_code else [])])
