"""Keeps the records of reviews in the quarantine, with the objects that a replay needs.

One ref a review; below it a commit whose parents are the commits, and whose tree holds the patches
and the record. It must not know what is in a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.git_names import CommitId, ObjectId
from agentd.conflicts.quarantine import Quarantine

_PREFIX: Final = "refs/agentd/reviews/"
_RECORD_NAME: Final = "record.json"


def keep_review(
    quarantine: Quarantine,
    review_id: str,
    commits: Sequence[CommitId],
    blobs: Sequence[ObjectId],
    record: bytes,
) -> None:
    """Holds on to a record and its objects."""
    files = {str(blob): blob for blob in blobs} | {_RECORD_NAME: quarantine.store_blob(record)}
    holder = quarantine.commit(
        quarantine.make_tree(files),
        sorted(set(commits)),
        message=f"Keeps what review {review_id} needs\n",
    )
    quarantine.run(["update-ref", f"{_PREFIX}{review_id}", holder], check=True)


def kept_reviews(quarantine: Quarantine, beginning: str = "") -> tuple[str, ...]:
    """The ids of the reviews that are kept and begin so."""
    listed = quarantine.run(["for-each-ref", "--format=%(refname)", _PREFIX], check=True).text
    ids = (line.removeprefix(_PREFIX) for line in listed.split("\n") if line)
    return tuple(review_id for review_id in ids if review_id.startswith(beginning))


def record_of(quarantine: Quarantine, review_id: str) -> bytes | None:
    """The record of a review that is kept."""
    ref = f"{_PREFIX}{review_id}"
    if quarantine.run(["show-ref", "--verify", "--quiet", ref]).status != 0:
        return None
    return quarantine.blob_at(ref, _RECORD_NAME)
