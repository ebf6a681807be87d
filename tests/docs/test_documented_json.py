"""The JSON in the documentation is JSON, and what looks like wire is what the wire takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentd.errors import REASONS
from agentd.protocol.envelope import validate_params
from agentd.protocol.examples import EXAMPLES
from agentd.protocol.methods import METHODS, Method, find_method
from tests.docs.markdown import PAGES, Block, blocks

JSON_BLOCKS = [block for page in PAGES for block in blocks(page) if block.language == "json"]


@pytest.mark.parametrize("block", JSON_BLOCKS, ids=str)
def test_json_block(block: Block) -> None:
    value = json.loads(block.text)
    if isinstance(value, dict) and isinstance(value.get("method"), str) and "id" in value:
        validate_params(find_method(value["method"]).params, value.get("params") or {})
    if isinstance(value, dict) and "error" in value:
        check_error(value["error"])


def check_error(error: dict[str, Any]) -> None:
    data = error["data"]
    reason = REASONS[data["reason"]]
    assert error["code"] == reason.error.code
    assert data["retry"] == reason.retry.value
    assert data.keys() <= {"reason", "retry", "hint", *reason.data}


def test_the_examples_are_those_of_the_methods() -> None:
    assert EXAMPLES.keys() == METHODS.keys()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_example(method: Method) -> None:
    validate_params(method.params, dict(method.example.params))
    result = method.result_adapter.validate_python(method.example.result)
    # Nothing in the example that the model does not know, and nothing left out.
    assert method.result_adapter.dump_python(result, mode="json") == method.example.result
