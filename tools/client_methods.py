"""The typed methods of the Python clients, written from the METHODS table."""

from __future__ import annotations

import subprocess
import sys
from textwrap import fill, indent

from pydantic.fields import FieldInfo

from agentd.protocol.methods import METHODS, Method
from tools.annotations import Imports, argument, default_of, returned

_MODULE = '''"""{title}

Written by `python -m tools.generate` from the METHODS table. Do not edit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentd.client.results import typed_result

if TYPE_CHECKING:
{imports}


class {class_name}(ABC):
    """A method for each of the wire's, with typed params and results.

    A param left out, or None, has the value that the daemon gives it. What the daemon answers with
    an error is raised as the exception of `agentd.errors`.
    """

    @abstractmethod
    {async_}def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_secs: float | None = None,
    ) -> Any:
        """Calls a method by its name and returns its result as plain JSON values."""

{methods}
'''


def render(*, is_async: bool) -> str:
    """The module of one client's mixin."""
    imports = Imports()
    methods = "\n".join(_method(method, imports, is_async=is_async) for method in METHODS.values())
    import_lines = "\n".join(
        f"    from {module} import {', '.join(sorted(names))}"
        for module, names in sorted(imports.names.items())
    )
    kind = "asyncio" if is_async else "blocking"
    return _formatted(
        _MODULE.format(
            title=f"The methods of the {kind} client.",
            imports=import_lines,
            class_name="AsyncMethods" if is_async else "SyncMethods",
            async_="async " if is_async else "",
            methods=methods,
        )
    )


def _method(method: Method, imports: Imports, *, is_async: bool) -> str:
    fields = method.params.model_fields
    ordered = sorted(fields.items(), key=_place)
    result = returned(method.result, imports)
    signature = ["self", *(["*"] if fields else [])]
    signature += [_parameter(name, field, imports) for name, field in ordered]
    given = ", ".join(f'"{name}": {name}' for name, _ in ordered)
    call = f'{"await " if is_async else ""}self.call("{method.name}", {{{given}}})'
    return f"""
    {"async " if is_async else ""}def {method.snake_name}({", ".join(signature)}) -> {result}:
{indent(_docstring(method), "        ")}
        answer = {call}
        result: {result} = typed_result("{method.name}", answer)
        return result
"""


def _place(item: tuple[str, FieldInfo]) -> tuple[bool, bool]:
    """What has to be given comes first, what every method takes comes last."""
    name, field = item
    return (not field.is_required(), name == "idempotency_key")


def _parameter(name: str, field: FieldInfo, imports: Imports) -> str:
    annotation = argument(field.annotation, imports)
    if field.is_required():
        return f"{name}: {annotation}"
    if annotation != "Any" and not annotation.endswith("| None"):
        annotation += " | None"
    return f"{name}: {annotation} = None"


def _docstring(method: Method) -> str:
    notes = [
        fill(f"{name}: {text}", 88, subsequent_indent="    ")
        for name, field in sorted(method.params.model_fields.items(), key=_place)
        if (text := _note(field))
    ]
    body = f'"""{method.summary}'
    if notes:
        body += "\n\n" + "\n".join(notes) + "\n"
    return body + '"""'


def _note(field: FieldInfo) -> str:
    parts = [field.description] if field.description else []
    if (default := default_of(field)) not in ("", "`null`"):
        parts.append(f"Default {default.strip('`')}.")
    return " ".join(parts)


def _formatted(source: str) -> str:
    for command in (
        ["check", "--fix", "--quiet", "--select", "I", "--stdin-filename", "x.py", "-"],
        ["format", "--quiet", "--stdin-filename", "x.py", "-"],
    ):
        source = subprocess.run(
            [sys.executable, "-m", "ruff", *command],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source
