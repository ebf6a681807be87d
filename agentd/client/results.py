"""Answers as the types of the contract. Imported models are loaded on the first typed call only."""

from __future__ import annotations

from typing import Any

from agentd.errors import InternalError


def typed_result(method_name: str, answer: Any) -> Any:
    """The JSON that a method answered as the result type of the METHODS table.

    Raises `InternalError` (`unexpected_answer`) where the two do not fit.
    """
    # Loading the models takes longer than a whole call does.
    from pydantic import ValidationError

    from agentd.protocol.methods import METHODS

    try:
        return METHODS[method_name].result_adapter.validate_python(answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the result"
        raise InternalError(
            "unexpected_answer", f"{method_name} answered with a wrong {where}: {first['msg']}"
        ) from None
