"""The generated sections of `docs/protocol.md` (and the state diagram of `docs/concepts.md`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agentd.core import limits, states
from agentd.protocol.fields import Params
from agentd.protocol.interface import describe_limits
from agentd.protocol.methods import COMMON_REASONS, METHODS, WRITE_REASONS, Method, reasons_of
from tools.annotations import default_of, field_in_words, models_in
from tools.sections import table

FAMILIES: Mapping[str, str] = {
    "tasks": "Tasks",
    "nodes": "Nodes and their leases",
    "locks": "Resource locks",
    "journal": "The journal",
    "decisions": "Reviews and decisions",
    "service": "The daemon itself",
}


def sections(transcripts: Path) -> dict[str, str]:
    """Every generated section of the page, by the name in its marker."""
    return {
        "state-diagram": state_diagram(),
        "transitions": _transitions(),
        "event-types": _event_types(),
        "limits": _limits(),
        "common-errors": _common_errors(),
        "methods": "\n".join(_family(family) for family in FAMILIES),
        "objects": _objects(),
        "transcripts": _stories(transcripts),
    }


def state_diagram() -> str:
    """A node's life, drawn from the one table of transitions."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> PENDING"]
    lines += [f"    {step.source} --> {step.target}: {step.action}" for step in states.TRANSITIONS]
    return "\n".join([*lines, "```"])


def _transitions() -> str:
    rows = [
        (f"`{step.source}`", f"`{step.target}`", step.cause, f"`{step.action}`")
        for step in states.TRANSITIONS
    ]
    return table(("from", "to", "when", "event"), rows)


def _event_types() -> str:
    own = " ".join(f"`{action}`" for action in states.Action)
    agents = " ".join(f"`{action}`" for action in states.AGENT_ACTIONS)
    return (
        f"The daemon's own: {own}.\n\nAgents' own, by convention: {agents}; "
        f"any other name is accepted as well, and `{states.DEFAULT_ACTION_TYPE}` is taken where "
        "none is given."
    )


def _limits() -> str:
    rows = [
        (f"`{name}`", f"{value:,}")
        for name, value in describe_limits(limits.LINE_BYTES_DEFAULT).items()
    ]
    return table(("limit", "value"), rows)


def _common_errors() -> str:
    def listed(reasons: tuple[str, ...]) -> str:
        return ", ".join(_reason_link(reason) for reason in reasons)

    return (
        f"Every method may answer with {listed(COMMON_REASONS)}; every method that takes an "
        f"`idempotency_key` also with {listed(WRITE_REASONS)}. "
        "What a method may answer with besides is listed with it."
    )


def _reason_link(reason: str) -> str:
    return f"[`{reason}`](errors.md#{reason})"


def _family(family: str) -> str:
    methods = [method for method in METHODS.values() if method.family == family]
    return f"### {FAMILIES[family]}\n\n" + "\n".join(_method(method) for method in methods)


def _method(method: Method) -> str:
    names = ", ".join(f"`{name}`" for name in dict.fromkeys((method.snake_name, *method.aliases)))
    parts = [f"#### {method.name}", f"{method.summary} Also answers to {names}."]
    parts.append(_params_table(method.params) if method.params.model_fields else "No params.")
    parts.append(_result(method))
    own = [
        reason
        for reason in reasons_of(method)
        if reason not in COMMON_REASONS and reason not in WRITE_REASONS
    ]
    if own:
        parts.append("Errors: " + ", ".join(_reason_link(reason) for reason in own) + ".")
    parts.append(_example(method))
    return "\n\n".join(parts) + "\n"


def _params_table(model: type[Params]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        aliases = getattr(field.validation_alias, "choices", [name])
        others = [str(alias) for alias in aliases if alias != name]
        note = f"Also `{'`, `'.join(others)}`." if others else ""
        default = default_of(field) or "required"
        meaning = " ".join(part for part in (field.description, note) if part)
        rows.append((f"`{name}`", field_in_words(field), default, meaning))
    rows.sort(key=lambda row: (row[2] != "required", row[0] == "`idempotency_key`"))
    return table(("param", "type", "left out", "meaning"), rows).strip()


def _fields_table(model: type[BaseModel]) -> str:
    rows = [
        (f"`{name}`", field_in_words(field), _meaning(field))
        for name, field in model.model_fields.items()
    ]
    return table(("field", "type", "meaning"), rows).strip()


def _meaning(field: FieldInfo) -> str:
    text = field.description or ""
    return "" if text == field_in_words(field) else text


def _result(method: Method) -> str:
    models = models_in(method.result)
    nullable = type(None) in getattr(method.result, "__args__", ())
    parts = ["Result: `null`, or" if nullable else "Result:"]
    for number, model in enumerate(models):
        if number:
            parts.append("or")
        parts += [f"{model.__doc__}", _fields_table(model)]
    return "\n\n".join(parts)


def _example(method: Method) -> str:
    request = {"id": 1, "method": method.name, "params": method.example.params}
    response = {"id": 1, "result": method.example.result}
    return (
        f"```json\n{json.dumps(request, indent=2)}\n```\n\n"
        f"```json\n{json.dumps(response, indent=2)}\n```"
    )


def _objects() -> str:
    """The objects inside params and results, each once, in the order in which they come up."""
    named: list[type[BaseModel]] = []

    def visit(model: type[BaseModel]) -> None:
        for field in model.model_fields.values():
            for inner in models_in(field.annotation):
                if inner not in named:
                    named.append(inner)
                    visit(inner)

    for method in METHODS.values():
        visit(method.params)
        for model in models_in(method.result):
            visit(model)
    parts = []
    for model in named:
        fields = _params_table(model) if issubclass(model, Params) else _fields_table(model)
        parts.append(f"### {model.__name__}\n\n{model.__doc__}\n\n{fields}\n")
    return "\n".join(parts)


def _stories(transcripts: Path) -> str:
    parts = []
    for path in sorted(transcripts.glob("*.txt")):
        title, _, rest = path.read_text().partition("\n")
        parts.append(f"### {title.removeprefix('#').strip()}\n\n```text\n{rest.strip()}\n```\n")
    return "\n".join(parts)
