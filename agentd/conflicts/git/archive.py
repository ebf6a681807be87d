"""Keeps the records of reviews in the quarantine, with the objects that a replay needs.

One ref a review; below it a commit whose parents are the commits, and whose tree holds the patches
and the record. What the target's history does not have is copied from the user's repository, so
that a review outlives its branches; the target's own history stays borrowed. It must not know what
is in a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.git.isolation import asked_of_each
from agentd.conflicts.git.names import CommitId, ObjectId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.errors import DependencyFailed

_PREFIX: Final = "refs/agentd/reviews/"
_RECORD_NAME: Final = "record.json"


def keep_review(
    quarantine: Quarantine,
    review_id: str,
    target: CommitId,
    commits: Sequence[CommitId],
    blobs: Sequence[ObjectId],
    record: bytes,
    *,
    seconds: int,
) -> None:
    """Holds on to a record and its objects; `seconds` is the Unix time of the review."""
    whole = _copy(quarantine, target, sorted({*commits, *blobs}))
    files = {str(blob): blob for blob in blobs} | {_RECORD_NAME: quarantine.store_blob(record)}
    holder = quarantine.commit(
        quarantine.make_tree(files),
        # What git cannot read to its end must not be referred to: it would stop every later gc.
        sorted({target, *commits} & {target, *whole}),
        message=f"Keeps what review {review_id} needs\n",
        seconds=seconds,
    )
    quarantine.run(["update-ref", f"{_PREFIX}{review_id}", holder], check=True)


def _copy(quarantine: Quarantine, target: CommitId, objects: Sequence[str]) -> set[str]:
    """Packs what the objects reach and the target does not into the quarantine.

    The name of the pack follows from what is in it: the same bundles again make no second one.
    Gives those that could be read to their end.
    """
    pack = quarantine.git_dir / "objects" / "pack" / "pack"

    # What is kept for a while need not be small: large files would take a minute.
    quiet = ("--non-empty", "-q")

    def copy(some: Sequence[str]) -> Sequence[str]:
        quarantine.run(
            ["pack-objects", "--revs", "--compression=1", *quiet, "--missing=allow-any", str(pack)],
            stdin="".join(f"{line}\n" for line in (*some, f"^{target}")).encode(),
            check=True,
        )
        return some

    return {each for each in asked_of_each(objects, copy) if not isinstance(each, DependencyFailed)}


def missing_objects(quarantine: Quarantine, objects: Sequence[str]) -> tuple[str, ...]:
    """Those of the objects that neither the quarantine nor the user's repository has."""
    wanted = list(dict.fromkeys(objects))
    if not wanted:
        return ()
    told = quarantine.run(
        ["cat-file", "--batch-check"],
        stdin="".join(f"{each}\n" for each in wanted).encode(),
        check=True,
    )
    lines = told.text.split("\n")
    return tuple(
        each for each, line in zip(wanted, lines, strict=True) if line.endswith(" missing")
    )


def is_whole(quarantine: Quarantine, found: str) -> bool:
    """Whether all that an object holds is there, but for a commit's history."""
    listed = quarantine.run(
        ["rev-list", "--no-walk", "--objects", "--quiet", "--end-of-options", found]
    )
    return listed.status == 0


def kept_reviews(quarantine: Quarantine, beginning: str = "") -> tuple[str, ...]:
    """The ids of the reviews that are kept and begin so."""
    listed = quarantine.run(["for-each-ref", "--format=%(refname)", _PREFIX], check=True).text
    ids = (line.removeprefix(_PREFIX) for line in listed.split("\n") if line)
    return tuple(review_id for review_id in ids if review_id.startswith(beginning))


def forget_reviews_before(quarantine: Quarantine, seconds: int) -> tuple[str, ...]:
    """Lets go of the reviews that are older, and says which."""
    form = "--format=%(refname) %(objectname) %(committerdate:unix)"
    listed = quarantine.run(["for-each-ref", form, _PREFIX], check=True).text
    old = []
    for line in listed.split("\n"):
        ref, _, rest = line.partition(" ")
        holder, _, date = rest.partition(" ")
        if ref and int(date or 0) < seconds:
            old.append((ref, holder))
    stdin = "".join(f"delete {ref} {holder}\n" for ref, holder in old).encode()
    quarantine.run(["update-ref", "--stdin"], stdin=stdin, check=True)
    return tuple(ref.removeprefix(_PREFIX) for ref, _ in old)


def record_of(quarantine: Quarantine, review_id: str) -> bytes | None:
    """The record of a review that is kept."""
    ref = f"{_PREFIX}{review_id}"
    if quarantine.run(["show-ref", "--verify", "--quiet", ref]).status != 0:
        return None
    return quarantine.blob_at(ref, _RECORD_NAME)
