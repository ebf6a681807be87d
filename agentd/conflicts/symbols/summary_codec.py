"""Summaries as JSON, compact enough to keep one for every version of every file.

Pure. What cannot be read back is no summary; the caller reads the file again.
"""

from __future__ import annotations

from typing import Any

import orjson

from agentd.conflicts.symbols.summary import (
    Block,
    Call,
    CallShape,
    Definition,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
    Use,
)


def encode(summary: Summary) -> bytes:
    """The summary as bytes, the same ones for equal summaries."""
    return orjson.dumps(
        [
            summary.language.value,
            [summary.parsed, summary.strict],
            [summary.dynamic, summary.opaque, summary.conditional],
            summary.package,
            [_definition_to_row(each) for each in summary.definitions],
            [[e.module, e.name, e.local, e.line, e.guarded] for e in summary.imports],
            [[e.owner, e.name, e.lines, e.guarded] for e in summary.uses],
            [
                [
                    e.owner,
                    e.name,
                    e.shape.positional,
                    e.shape.keywords,
                    e.shape.open,
                    e.lines,
                    e.guarded,
                ]
                for e in summary.calls
            ],
            sorted(summary.bound),
            None if summary.offered is None else sorted(summary.offered),
            summary.star_names,
            summary.stars,
            sorted(summary.members),
            [[e.line, e.end_line, e.digest] for e in summary.blocks],
            sorted(summary.spoken),
            sorted(summary.assigned),
        ]
    )


def decode(content: bytes) -> Summary | None:
    """The summary that was encoded; None where the bytes are damaged."""
    try:
        row = orjson.loads(content)
        return _summary_from_row(row)
    except (ValueError, TypeError, IndexError, AttributeError):
        return None


def _summary_from_row(row: list[Any]) -> Summary:
    (language, (parsed, strict), (dynamic, opaque, conditional), package, definitions) = row[:5]
    (imports, uses, calls, bound, offered, star_names, stars, members, blocks) = row[5:14]
    (spoken, assigned) = row[14:]
    return Summary(
        language=Language(language),
        parsed=parsed,
        strict=strict,
        package=package,
        definitions=tuple(_definition_from_row(each) for each in definitions),
        imports=tuple(Import(*each) for each in imports),
        uses=tuple(Use(owner, name, tuple(at), guarded) for owner, name, at, guarded in uses),
        calls=tuple(
            Call(owner, name, CallShape(positional, tuple(keywords), spread), tuple(at), guarded)
            for owner, name, positional, keywords, spread, at, guarded in calls
        ),
        bound=frozenset(bound),
        offered=None if offered is None else frozenset(offered),
        star_names=None if star_names is None else tuple(star_names),
        stars=tuple(stars),
        dynamic=dynamic,
        opaque=opaque,
        spoken=frozenset(spoken),
        assigned=frozenset(assigned),
        conditional=conditional,
        members=frozenset(members),
        blocks=tuple(Block(*each) for each in blocks),
    )


def _definition_to_row(each: Definition) -> list[Any]:
    signature = each.signature
    return [
        each.name,
        each.kind.value,
        each.line,
        each.end_line,
        each.digest,
        None
        if signature is None
        else [
            signature.positional,
            signature.required,
            signature.positional_only,
            signature.keyword_only,
            signature.keyword_required,
            signature.any_positional,
            signature.any_keyword,
            signature.lenient,
        ],
        each.variant,
        each.repeatable,
        each.closed,
        sorted(each.mentions),
        each.bases,
        each.returns,
    ]


def _definition_from_row(row: list[Any]) -> Definition:
    name, kind, line, end_line, digest, signature, variant, repeatable = row[:8]
    closed, mentions, bases, returns = row[8:]
    return Definition(
        name=name,
        kind=Kind(kind),
        line=line,
        end_line=end_line,
        digest=digest,
        signature=None if signature is None else _signature_from_row(signature),
        variant=variant,
        repeatable=repeatable,
        closed=closed,
        mentions=frozenset(mentions),
        bases=tuple(bases),
        returns=returns,
    )


def _signature_from_row(row: list[Any]) -> Signature:
    positional, required, positional_only, keyword_only, keyword_required, *flags = row
    return Signature(
        tuple(positional),
        required,
        positional_only,
        tuple(keyword_only),
        tuple(keyword_required),
        *flags,
    )
