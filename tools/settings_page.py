"""The settings as a table in `docs/operations.md` and as `.env.example`."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from agentd.settings import Settings, variable_name
from tools.sections import table

_SIGNS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}

_ENV_HEAD = """\
# Settings of agentd. Copy it to ~/.agentd/.env, chmod 600, and take the # off what you change.
# A variable of the process environment counts before the one in this file.
# Written by `python -m tools.generate` from agentd/settings.py.
"""


def sections() -> dict[str, str]:
    """The table of settings."""
    rows = [
        (
            ", ".join(f"`{name}`" for name in _names(field_name, field)),
            f"`{_default(field)}`" if _default(field) is not None else "unset",
            _range(field),
            field.description or "",
        )
        for field_name, field in Settings.model_fields.items()
    ]
    return {"settings": table(("variable", "default", "values", "meaning"), rows)}


def env_example() -> str:
    """`.env.example`: every setting with its default, commented out."""
    parts = [_ENV_HEAD]
    for field_name, field in Settings.model_fields.items():
        name = _names(field_name, field)[0]
        values = _range(field).replace("`", "")
        meaning = f"{field.description} Values: {values}." if values else f"{field.description}"
        note = " Only counts in the process environment." if field_name == "env_file" else ""
        comment = fill(meaning + note, 98, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{comment}\n# {name}={_default(field) or ''}\n")
    return "\n".join(parts)


def _names(field_name: str, field: FieldInfo) -> list[str]:
    choices = getattr(field.validation_alias, "choices", None)
    return [str(choice) for choice in choices] if choices else [variable_name(field_name)]


def _default(field: FieldInfo) -> Any:
    if field.default_factory is None:
        return field.default
    home: Path = Settings.model_fields["home"].default
    return field.get_default(call_default_factory=True, validated_data={"home": home})


def _range(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    bounds = []
    for bound in field.metadata:
        if type(bound) in _SIGNS:
            attribute, sign = _SIGNS[type(bound)]
            bounds.append(f"{sign} {getattr(bound, attribute):,}")
    return " and ".join(bounds)
