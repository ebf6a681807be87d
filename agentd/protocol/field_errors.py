"""What is wrong with a method's params, in the wire's words and not in pydantic's.

`path` names the field (`initial_nodes[2].key`), `rule` says what it must satisfy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agentd.errors import InvalidParams

_OBJECT: Final = "must be an object"
_INTEGER: Final = "must be an integer"
_RULES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "may not be empty",
    "string_too_long": "may have at most {max_length} characters",
    "int_type": _INTEGER,
    "int_from_float": _INTEGER,
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "list_type": "must be a list",
    "too_short": "may not be empty",
    "too_long": "may have at most {max_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
}
"""By pydantic's type of error. Every minimum length in the contract is 1."""
_OWN_TYPES: Final = frozenset({"invalid_field", "bad_resource_key", "ttl_out_of_range"})
"""Raised by `fields`, with a text that is a rule of ours."""


def params_error(model: type[BaseModel], error: ValidationError) -> InvalidParams:
    """The wire's error for what pydantic found.

    Of several mistakes the first is named, but a field that is unknown before one that is missing:
    it may be that one, misspelt.
    """
    found = error.errors(include_url=False, include_input=False)
    first = found[0]
    if first["type"] == "missing":
        first = next((each for each in found if each["type"] == "extra_forbidden"), first)
    path = _dotted(first["loc"])
    kind = first["type"]
    if kind == "extra_forbidden":
        return _unknown_field(model, path, first["loc"])
    rule = _rule(first)
    if kind == "bad_resource_key":
        return InvalidParams(kind, f"`{path}`: {rule}", path=path, rule=rule)
    message = f"`{path}` {rule}"
    if kind == "ttl_out_of_range":
        bounds = first["ctx"]
        return InvalidParams(kind, message, path=path, min=bounds["min"], max=bounds["max"])
    return InvalidParams("invalid_field", message, path=path, rule=rule)


def _rule(details: ErrorDetails) -> str:
    if details["type"] in _OWN_TYPES:
        return details["msg"]
    return _RULES[details["type"]].format_map(details.get("ctx", {}))


def _unknown_field(
    model: type[BaseModel], path: str, location: Sequence[int | str]
) -> InvalidParams:
    *above, name = location
    close = get_close_matches(str(name)[:100], _fields_at(model, above), n=1)
    return InvalidParams(
        "unknown_field",
        f"unknown field `{path}`",
        hint=f"Did you mean `{close[0]}`?" if close else None,
        path=path,
        did_you_mean=close[0] if close else None,
    )


def _fields_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for step in location:
        if isinstance(step, str):
            (model,) = _models_in(model.model_fields[step].annotation)
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _dotted(location: Sequence[int | str]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "params"
