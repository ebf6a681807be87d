"""Our hooks in the JSON settings of a vendor: added, found again and taken out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agentd.providers.hook_settings.hook_command import is_ours
from agentd.providers.hook_settings.json_edit import new_text, with_item, without_item
from agentd.providers.hook_settings.json_text import Item, Node, parse

Groups = Mapping[str, Sequence[Mapping[str, Any]]]
"""Groups of hooks by event, as the vendors write them: `{"matcher": …, "hooks": [{…}]}`."""

_HOOKS: Final = "hooks"


class OddSettings(ValueError):
    """The settings are JSON and hold something else where hooks belong. The message says where."""


def our_groups(text: str) -> dict[str, list[Any]]:
    """What is there of ours, by event: groups of which every hook is ours, and of others the hooks.

    Raises `NotJson` and `OddSettings`.
    """
    found: dict[str, list[Any]] = {}
    for event, _, item in _ours(parse(text)):
        found.setdefault(event, []).append(item.node.value)
    return found


def with_groups(text: str | None, groups: Groups) -> str:
    """The settings with our hooks as they are to be; the same text where they are there already.

    Raises `NotJson` and `OddSettings`.
    """
    if text is None:
        return new_text({_HOOKS: groups})
    if our_groups(text) == groups:
        return text
    cleared = without_groups(text)
    if cleared is None:
        return new_text({_HOOKS: groups})
    for event, wanted in groups.items():
        for group in wanted:
            cleared = _with_group(cleared, event, group)
    return cleared


def without_groups(text: str) -> str | None:
    """The settings without our hooks; None where nothing is left of a file that was ours alone.

    Raises `NotJson` and `OddSettings`.
    """
    current: str | None = text
    while current is not None:
        found = list(_ours(parse(current)))
        if not found:
            break
        # The last first, so that the one that was put in first shows what was there before.
        _, path, item = found[-1]
        current = without_item(current, path, item)
    return current


def with_named(text: str | None, name: str, value: Mapping[str, Any]) -> str:
    """The settings with a member of the whole that is ours.

    Raises `NotJson`, and `OddSettings` where somebody else's has the name.
    """
    if text is None:
        return new_text({name: value})
    if named(text, name) == value:
        return text
    cleared = without_named(text, name)
    return (
        new_text({name: value})
        if cleared is None
        else with_item(cleared, _root(cleared), value, name)
    )


def without_named(text: str, name: str) -> str | None:
    """The settings without our member. Raises `NotJson` and `OddSettings`."""
    if named(text, name) is None:
        return text
    root = _root(text)
    member = root.member(name)
    assert member is not None
    return without_item(text, (root,), member)


def named(text: str, name: str) -> Any:
    """Our member, None where there is none. Raises `NotJson` and `OddSettings`."""
    member = _root(text).member(name)
    if member is None:
        return None
    if not any(is_ours(each) for each in _texts(member.node.value)):
        raise OddSettings(f"{name!r} is there already and does not run agentd's hook")
    return member.node.value


def _with_group(text: str, event: str, group: Mapping[str, Any]) -> str:
    root = _root(text)
    hooks = root.member(_HOOKS)
    if hooks is None:
        return with_item(text, root, {event: [group]}, _HOOKS)
    groups = hooks.node.member(event)
    if groups is None:
        return with_item(text, hooks.node, [group], event)
    return with_item(text, groups.node, group)


def _ours(root: Node) -> Iterator[tuple[str, tuple[Node, ...], Item]]:
    """Event, path and place of what is ours."""
    _check(root, dict, "the whole")
    hooks = root.member(_HOOKS)
    if hooks is None:
        return
    _check(hooks.node, dict, _HOOKS)
    for event in hooks.node.items:
        where = f"{_HOOKS}.{event.key}"
        if not isinstance(event.node.value, list):
            # Settings beside the events are somebody else's business.
            if event.key in _EVENTS:
                raise OddSettings(f"{where} is no list")
            continue
        for group in event.node.items:
            path = (root, hooks.node, event.node)
            listed = group.node.member(_HOOKS)
            hooked = listed.node.items if listed is not None else ()
            ours = [each for each in hooked if _runs_ours(each.node.value)]
            if ours and len(ours) == len(hooked):
                yield str(event.key), path, group
            elif ours and listed is not None:
                for each in ours:
                    yield str(event.key), (*path, group.node, listed.node), each


_EVENTS: Final = frozenset(
    {
        *("PreToolUse", "PostToolUse", "BeforeTool", "AfterTool", "AfterAgent"),
        *("SessionStart", "SessionEnd", "Stop"),
    }
)


def _runs_ours(hook: Any) -> bool:
    return isinstance(hook, dict) and is_ours(hook.get("command"))


def _root(text: str) -> Node:
    root = parse(text)
    _check(root, dict, "the whole")
    return root


def _check(node: Node, kind: type, where: str) -> None:
    if not isinstance(node.value, kind):
        raise OddSettings(f"{where} is no object")
    keys = [item.key for item in node.items]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise OddSettings(f"{where} has {twice!r} twice")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
