"""Field types of the wire's models in two spellings: as Python annotations and for people."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(slots=True)
class Imports:
    """Names that an annotation needs, by module."""

    names: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: type) -> str:
        """The name under which the type can be used."""
        self.names.setdefault(kind.__module__, set()).add(kind.__name__)
        return kind.__name__


def argument(annotation: Any, imports: Imports) -> str:
    """A param's type as the client's caller writes it: models may also be given as mappings."""
    return _python(annotation, imports, models_as_mappings=True)


def returned(annotation: Any, imports: Imports) -> str:
    """A result's type as the client returns it."""
    return _python(annotation, imports, models_as_mappings=False)


def _python(annotation: Any, imports: Imports, *, models_as_mappings: bool) -> str:
    def render(inner: Any) -> str:
        return _python(inner, imports, models_as_mappings=models_as_mappings)

    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return "Any"
    if annotation is None or annotation is type(None):
        return "None"
    if origin is Annotated:
        return render(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join(render(each) for each in arguments)
    if origin is list:
        return f"Sequence[{render(arguments[0])}]"
    if origin is dict:
        return f"Mapping[{render(arguments[0])}, {render(arguments[1])}]"
    if hasattr(annotation, "__supertype__"):
        return render(annotation.__supertype__)
    if not isinstance(annotation, type):
        raise TypeError(f"no spelling for {annotation!r}")
    if issubclass(annotation, BaseModel):
        name = imports.add(annotation)
        return f"{name} | Mapping[str, Any]" if models_as_mappings else name
    if issubclass(annotation, Enum):
        return imports.add(annotation)
    return annotation.__name__


_WORDS = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


def in_words(annotation: Any) -> str:
    """A field's type for the reader of a table: JSON's words, and the names of nested objects."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return "any"
    if annotation is None or annotation is type(None):
        return "null"
    if origin is Annotated:
        return _annotated_in_words(arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(each) for each in arguments)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(each)}`" for each in arguments)
    if origin is list:
        return f"list of {in_words(arguments[0])}"
    if origin is dict:
        values = "" if arguments[1] is Any else f" of {in_words(arguments[1])}"
        return f"object{values}"
    if hasattr(annotation, "__supertype__"):
        return in_words(annotation.__supertype__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{json.dumps(member.value)}`" for member in annotation)
    return _WORDS[annotation]


def field_in_words(field: FieldInfo) -> str:
    """A field's type for the reader of a table."""
    # pydantic takes the notes of an outermost Annotated into the field itself.
    words = _known_format(field) or in_words(field.annotation)
    return words.replace(" or null", " or `null`")


def _annotated_in_words(arguments: tuple[Any, ...]) -> str:
    plain, *notes = arguments
    return next(filter(None, map(_known_format, notes)), in_words(plain))


def _known_format(note: object) -> str:
    """The word for a string with a format, or for Unix seconds; empty for any other note."""
    extra = getattr(note, "json_schema_extra", None)
    if isinstance(extra, dict) and "format" in extra:
        return {"uuid": "UUID", "date-time": "time"}[str(extra["format"])]
    return "Unix seconds" if getattr(note, "description", None) == "Unix seconds" else ""


def default_of(field: FieldInfo) -> str:
    """What a field is when it is left out, as JSON in code quotes; empty where it is required."""
    if field.is_required():
        return ""
    return f"`{json.dumps(field.get_default(call_default_factory=True))}`"


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation names, each once, outermost first."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for inner in get_args(annotation):
        found.extend(model for model in models_in(inner) if model not in found)
    return found
