"""Has a model resolve files, of which it sees and may touch the regions that conflict alone.

What it answers is put between the lines that are settled, so that it cannot change anything else.
Which model it is, and how it is reached, is for whoever wires it in.
"""

from __future__ import annotations

import asyncio
from typing import Final

from agentd.conflicts.findings import JsonObject
from agentd.conflicts.policy.proposals import Proposals
from agentd.conflicts.proposals.gates import Gate, Refusal
from agentd.conflicts.proposals.making import Answer
from agentd.conflicts.proposals.questions import RULES, Malformed, answered, question
from agentd.conflicts.proposals.sides import Conflict, Declined, FileSides
from agentd.errors import AgentdError
from agentd.providers.completion import (
    Completer,
    Completion,
    CompletionRequest,
    Message,
    Role,
    Stop,
)

_TOKENS_MIN: Final = 1_000
_TOKENS_MAX: Final = 16_000
_BYTES_PER_TOKEN: Final = 2
"""Fewer than any text has on the average, so that an honest answer is not cut off."""


class ModelMaker:
    """A model."""

    def __init__(self, completer: Completer, policy: Proposals) -> None:
        self._completer = completer
        self._policy = policy
        self._denied: Declined | None = None
        """What was said to the key; it would be said again for every file."""

    @property
    def name(self) -> str:
        """The provider's."""
        return self._completer.name

    def resolve(self, file: FileSides, conflict: Conflict) -> Answer:
        """One file, with what the model answers for each region."""
        if self._policy.is_private(file.path):
            return Answer(Declined("the policy lets no model see it"))
        if self._denied is not None:
            return Answer(self._denied)
        asked = question(file, conflict)
        if isinstance(asked, Declined):
            return Answer(asked)
        try:
            completion = asyncio.run(self._completer.complete(_request(asked, file)))
        except AgentdError as error:
            declined = Declined(f"{error.message}; {_lower(error.hint)}")
            if error.reason == "provider_refused":
                self._denied = declined
            return Answer(declined)
        return Answer(_outcome(completion, file), _details(completion))


def _request(asked: str, file: FileSides) -> CompletionRequest:
    size = sum(
        len(line)
        for region in file.lines.regions
        for side in (region.base, region.left, region.right)
        for line in side
    )
    return CompletionRequest(
        messages=(Message(Role.SYSTEM, RULES), Message(Role.USER, asked)),
        tokens_max=min(max(size // _BYTES_PER_TOKEN, _TOKENS_MIN), _TOKENS_MAX),
        json_object=True,
        temperature=0.0,
        thinking=False,
    )


def _outcome(completion: Completion, file: FileSides) -> bytes | Declined | Refusal:
    if completion.stop is not Stop.DONE:
        return Refusal(Gate.ANSWER, file.path, f"the answer is not whole ({completion.stop})")
    try:
        lines = answered(completion.text, file.lines.regions)
    except Malformed as problem:
        return Refusal(Gate.ANSWER, file.path, str(problem))
    return lines if isinstance(lines, Declined) else file.lines.resolved(lines)


def _details(completion: Completion) -> JsonObject:
    return {"model": completion.model, "usage": completion.usage.to_json()}


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].removesuffix(".")
