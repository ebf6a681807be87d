"""The kinds of values that a policy has, each with the rule that it is held to. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agentd.conflicts.policy.path_globs import GlobError, compile_path_glob


def _path_glob(text: str) -> str:
    try:
        compile_path_glob(text)
    except GlobError as error:
        raise ValueError(str(error)) from error
    return text


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    if "\0" in text:
        raise ValueError("must not contain a null character")
    return text


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted(item for item, count in Counter(items).items() if count > 1)
    if repeated:
        raise ValueError(f"must name each once; {repeated[0]!r} is there twice")
    return items


Text = Annotated[str, AfterValidator(_one_line)]
PathGlob = Annotated[str, AfterValidator(_path_glob)]
PathGlobs = tuple[PathGlob, ...]
Names = Annotated[tuple[Text, ...], AfterValidator(_distinct)]
Secs = Annotated[float, Field(gt=0, le=7 * 24 * 3600, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=2**53)]


class Section(BaseModel):
    """A table of the policy; a key that it does not have is a mistake."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
