"""Which bundle touches which file: a row a file, a column a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import Bundle, Change, Review
from agentd.conflicts.report.markup import Html, element, join, scrolling, section, text
from agentd.conflicts.report.names import tone
from agentd.conflicts.report.phrases import SIGNS

FILES_MAX: Final = 120
BUNDLES_MAX: Final = 60

_AWAY: Final = "→"
"""What a rename does where the file was."""
_STATUSES: Final[Mapping[str, str]] = {
    "A": "adds",
    "M": "changes",
    "D": "takes away",
    "R": "renames",
    "C": "copies",
    "T": "changes the type of",
    _AWAY: "moves away",
}


def matrix_section(review: Review) -> Html | None:
    """The files, most contended first, against the bundles in the order of their decisions."""
    touched = _touched(review.bundles)
    if not touched:
        return None
    clashing = {
        (side, path)
        for pair in review.pairs
        for path in pair.paths
        for side in (pair.left, pair.right)
    }
    files = sorted(touched, key=lambda path: _contention(path, touched[path], clashing))
    busy = {identity for touching in touched.values() for identity in touching}
    columns = [bundle for bundle in review.bundles if bundle.bundle_id in busy]
    shown = columns[:BUNDLES_MAX]
    rows = (_row(path, touched[path], shown, clashing) for path in files[:FILES_MAX])
    grid = element(
        "table",
        element("caption", "Which bundle touches which file", class_="unseen"),
        element("thead", element("tr", element("th", "File", scope="col"), *map(_head, shown))),
        element("tbody", *rows),
        class_="matrix",
    )
    return section(
        "matrix",
        "Files against bundles",
        scrolling("Files against bundles", grid),
        element("p", *_legend(len(files), len(columns)), class_="legend"),
    )


def _contention(
    path: str, touching: Mapping[str, Change | None], clashing: set[tuple[str, str]]
) -> tuple[int, int, str]:
    """Sorts the files on which most bundles collide, then those that most touch, to the top."""
    return -sum((each, path) in clashing for each in touching), -len(touching), path


def _touched(bundles: Sequence[Bundle]) -> dict[str, dict[str, Change | None]]:
    """File to the bundles that touch it; None where only the path is declared."""
    found: dict[str, dict[str, Change | None]] = {}
    for bundle in bundles:
        for path in bundle.paths:
            found.setdefault(path, {}).setdefault(bundle.bundle_id, None)
        for change in bundle.changes:
            found.setdefault(change.path, {})[bundle.bundle_id] = change
            if change.status.startswith("R") and change.old_path:
                away = replace(change, status=_AWAY, path=change.old_path, old_path=change.path)
                found.setdefault(change.old_path, {})[bundle.bundle_id] = away
    return found


def _head(bundle: Bundle) -> Html:
    link = element(
        "a",
        element("span", element("bdi", bundle.name), class_="upright"),
        element("span", SIGNS.get(bundle.action, "?"), class_="sign"),
        href=f"#bundle-{bundle.number}",
        class_=tone(bundle.action),
    )
    return element("th", link, scope="col", title=f"{bundle.name}: {bundle.action}")


def _row(
    path: str,
    touching: Mapping[str, Change | None],
    columns: Sequence[Bundle],
    clashing: set[tuple[str, str]],
) -> Html:
    cells = [
        _cell(
            bundle,
            touching[bundle.bundle_id],
            clashes=(bundle.bundle_id, path) in clashing,
        )
        if bundle.bundle_id in touching
        else element("td")
        for bundle in columns
    ]
    return element(
        "tr", element("th", _path(path), scope="row", title=path, aria_label=path), *cells
    )


def _path(path: str) -> Html:
    """A path that breaks into lines behind its slashes."""
    return element("code", join(path.split("/"), Html("/<wbr>")))


def _cell(bundle: Bundle, change: Change | None, *, clashes: bool) -> Html:
    action = tone(bundle.action)
    class_ = f"{action} clash" if clashes else action
    beside = "; collides" if clashes else ""
    mark = text("✕ " if clashes else "")
    if change is None:
        return element("td", mark, "·", class_=class_, title=f"{bundle.name} declares it{beside}")
    does = _STATUSES.get(change.status[:1], "changes")
    size = change.size if change.status != _AWAY else "moved"
    return element(
        "td",
        mark,
        element("b", change.status[:1]),
        element("small", size),
        class_=class_,
        title=f"{bundle.name} {does} it, {size}{beside}",
    )


def _legend(files: int, bundles: int) -> list[str]:
    parts = [
        "A added, M changed, D taken away, R renamed to here, → renamed away, · only declared; "
        "✕ collides with another bundle there"
    ]
    if files > FILES_MAX:
        parts.append(f"; {counted(files - FILES_MAX, 'more file')} left out")
    if bundles > BUNDLES_MAX:
        parts.append(f"; {counted(bundles - BUNDLES_MAX, 'more bundle')} left out")
    return parts
