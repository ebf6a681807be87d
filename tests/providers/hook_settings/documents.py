"""Settings files such as people have them: with comments, odd indentation and trailing commas."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.sampled_from(["a", "model", "enabled", "hookish", "ü", 'q"uote', "x/y", "agents"])
BLANKS = st.sampled_from(
    ["", "", " ", "\n", "\n  ", "\n\t", "\r\n    ", " // note\n", "/* note */", "\n// {[,\n  "]
)


def plain_values() -> st.SearchStrategy[Any]:
    """JSON values."""
    scalars = (
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.just("// text")
    )
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    )


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as text, with blanks and comments wherever they may be."""
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key)}{draw(BLANKS)}:{draw(BLANKS)}{draw(written(each))}"
            for key, each in value.items()
        ]
        opener, closer = "{}"
    else:
        parts = [draw(written(each)) for each in value]
        opener, closer = "[]"
    if not parts:
        return opener + draw(BLANKS) + closer
    text = ",".join(f"{draw(BLANKS)}{part}{draw(BLANKS)}" for part in parts)
    trailing = f",{draw(BLANKS)}" if draw(st.booleans()) else ""
    return opener + text + trailing + closer


@st.composite
def json_documents(draw: st.DrawFn) -> str:
    """Any JSON text of people's."""
    value = draw(plain_values())
    return draw(BLANKS) + draw(written(value)) + draw(BLANKS)


def other_groups() -> st.SearchStrategy[Any]:
    """Groups of hooks that are none of ours."""
    hooks = st.lists(
        st.sampled_from(
            [
                {"type": "command", "command": "lint.sh"},
                {"type": "command", "command": "say agentd", "timeout": 5},
                {"type": "http"},
            ]
        ),
        max_size=2,
    )
    return st.builds(lambda matcher, listed: {"matcher": matcher, "hooks": listed}, KEYS, hooks)


@st.composite
def settings_documents(draw: st.DrawFn) -> str:
    """Settings with or without hooks in them."""
    value = draw(st.dictionaries(KEYS, plain_values(), max_size=3))
    if draw(st.booleans()):
        events = st.sampled_from(["PreToolUse", "SessionStart", "Notification", "BeforeTool"])
        value["hooks"] = draw(
            st.dictionaries(events, st.lists(other_groups(), max_size=2), max_size=3)
        )
        if draw(st.booleans()):
            value["after"] = 1
    mark = "\ufeff" if draw(st.booleans()) else ""
    return mark + draw(BLANKS) + draw(written(value)) + draw(BLANKS)


TOML_LINES = st.sampled_from(
    [
        'model = "gpt"',
        "# a comment",
        "",
        "   ",
        "[features]",
        "hooks = true",
        '[projects."/home/me/x"]',
        'trust_level = "trusted"',
        "[[items]]",
        'text = """\n[hooks.state."k"]\nx = 1\n"""',
        "when = 1979-05-27T07:32:00Z",
        "[hooks]",
        '[hooks.state."/home/me/.codex/hooks.json:stop:0:0"]',
        'trusted_hash = "sha256:00"',
        "enabled = false",
        "value = nan",
    ]
)


@st.composite
def toml_documents(draw: st.DrawFn) -> str:
    """Lines that may or may not be TOML together."""
    lines = draw(st.lists(TOML_LINES, max_size=8))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines) + (newline if draw(st.booleans()) else "")
