"""Which paths a tree's own ignore files keep out of it: what is not there may be made by a build.

Pure but for looking into a tree.
"""

from __future__ import annotations

from agentd.conflicts.policy.path_globs import GlobError, path_matches
from agentd.conflicts.symbols.tree_view import TreeView


def is_ignored(view: TreeView, path: str) -> bool:
    """Whether git would ignore the path: the last line that matches counts, of the nearest file."""
    parts = path.split("/")
    for depth in range(len(parts) - 1, -1, -1):
        content = view.content("/".join((*parts[:depth], ".gitignore"))) or b""
        inner = "/".join(parts[depth:])
        for line in reversed(content.decode("utf-8", "replace").splitlines()):
            glob = line.rstrip()
            if not glob.startswith("#") and _matches(glob.removeprefix("!"), inner):
                return not glob.startswith("!")
    return False


def _matches(glob: str, path: str) -> bool:
    try:
        return path_matches(glob, path)
    except GlobError:
        return False  # A blank line, or a form that is hardly ever written.
