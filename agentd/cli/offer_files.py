"""Writes bundles that agentd offers to files that `review --bundle` takes, and says so."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from agentd.cli.connect import fail
from agentd.cli.out_files import write_whole
from agentd.cli.terminal import say

if TYPE_CHECKING:
    from agentd.conflicts.proposals.offer import Offer


def write_offers(offers: Sequence[Offer], out: Path) -> None:
    """Writes one bundle to the file, several to numbered ones beside it."""
    paths = [
        out if len(offers) == 1 else out.with_stem(f"{out.stem}-{number}")
        for number in range(1, len(offers) + 1)
    ]
    for offer, path in zip(offers, paths, strict=True):
        try:
            _write(offer, path)
        except OSError as error:
            fail(f"the bundle cannot be written to {path}: {error.strerror}")
        say(f"wrote {path}")
    named = " ".join(f"--bundle {shlex.quote(str(path))}" for path in paths)
    say(f"next: agentd-coord review {named}")


def _write(offer: Offer, path: Path) -> None:
    """Writes a bundle; a patch that is no text goes into a file beside it."""
    patch_file = None
    if not offer.is_text:
        patch_file = path.with_suffix(".patch").resolve()
        write_whole(patch_file, offer.patch)
    content = orjson.dumps(offer.to_json(patch_file), option=orjson.OPT_INDENT_2)
    write_whole(path, content + b"\n")
