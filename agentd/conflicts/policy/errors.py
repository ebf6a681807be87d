"""How a mistake in a policy is told: the key's path, and the rule that its value breaks.

It turns pydantic's errors into sentences of ours; it must not know what any key is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agentd.errors import InvalidParams


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake."""

    key: str
    """As in `verification.commands[0].timeout_secs`; empty for the text as a whole."""
    rule: str
    """Worded to follow the key: `must be greater than 0`."""
    did_you_mean: str | None = None

    def __str__(self) -> str:
        sentence = f"{self.key}: {self.rule}" if self.key else self.rule
        return f"{sentence}; did you mean `{self.did_you_mean}`?" if self.did_you_mean else sentence


class PolicyError(InvalidParams):
    """A policy that cannot be used, with everything that is wrong with it."""

    def __init__(self, problems: tuple[PolicyProblem, ...]) -> None:
        first = problems[0]
        super().__init__(
            "unknown_field" if first.rule.startswith(_UNKNOWN) else "invalid_field",
            "The policy cannot be used. " + _told(problems),
            hint="Correct the key in .agentd/review.toml; docs/conflict-policy.md has them all.",
            path=first.key,
            rule=first.rule,
            did_you_mean=first.did_you_mean,
        )
        self.problems = problems


def _told(problems: Sequence[PolicyProblem]) -> str:
    told = "; ".join(str(problem) for problem in problems[:_PROBLEMS_TOLD])
    more = len(problems) - _PROBLEMS_TOLD
    return f"{told}; and {more:,} more" if more > 0 else told


_UNKNOWN = "no such key"
_PROBLEMS_TOLD = 20

_RULES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "must be given",
    "string_type": lambda _: "must be a string",
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "bool_type": lambda _: "must be true or false",
    "string_too_short": lambda _: "must not be empty",
    "dict_type": lambda _: "must be a table",
    "tuple_type": lambda _: "must be a list",
    "too_short": lambda context: f"must have at least {context['min_length']} item",
    "model_type": lambda _: "must be a table",
    "model_attributes_type": lambda _: "must be a table",
    "greater_than": lambda context: f"must be greater than {context['gt']:g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']:.15g}",
    "value_error": lambda context: str(context["error"]),
    "extra_forbidden": lambda _: _UNKNOWN,
}


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[PolicyProblem, ...]:
    """The mistakes that pydantic found, in the order of the text's keys."""
    return tuple(_problem(detail, model) for detail in error.errors(include_url=False))


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> PolicyProblem:
    location = detail["loc"]
    rule = _RULES[detail["type"]](detail.get("ctx", {}))
    suggestion = None
    if rule == _UNKNOWN:
        known = _keys_at(model, location[:-1])
        close = get_close_matches(str(location[-1]), known, n=1)
        suggestion = close[0] if close else None
        if not close:
            return PolicyProblem(_key(location), f"{_UNKNOWN}; there are {', '.join(known)}")
    return PolicyProblem(_key(location), rule, suggestion)


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            key += f".{part}" if key else part
    return key


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at this place may have."""
    for part in location:
        if isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a table, or of the items of a list of tables."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
