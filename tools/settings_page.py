"""The settings as a table in `docs/operations.md` and as `.env.example`."""

from __future__ import annotations

from textwrap import fill

from agentd.settings import HOME_DEFAULT, VARIABLES, Variable
from tools.sections import table

_ENV_HEAD = """\
# Settings of agentd. Copy it to ~/.agentd/.env, chmod 600, and take the # off what you change.
# A variable of the process environment counts before the one in this file.
# Written by `python -m tools.generate` from agentd/settings.py.
"""


def sections() -> dict[str, str]:
    """The table of settings."""
    rows = [
        (
            ", ".join(f"`{name}`" for name in variable.names),
            f"`{_default(variable)}`" if variable.default else "unset",
            variable.kind.values,
            variable.description,
        )
        for variable in VARIABLES.values()
    ]
    return {"settings": table(("variable", "default", "values", "meaning"), rows)}


def env_example() -> str:
    """`.env.example`: every setting with its default, commented out."""
    parts = [_ENV_HEAD]
    for field_name, variable in VARIABLES.items():
        values = variable.kind.values
        meaning = f"{variable.description} Values: {values}." if values else variable.description
        note = " Only counts in the process environment." if field_name == "env_file" else ""
        comment = fill(meaning + note, 98, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{comment}\n# {variable.names[0]}={_default(variable)}\n")
    return "\n".join(parts)


def _default(variable: Variable) -> str:
    return variable.default(HOME_DEFAULT) if variable.default else ""
