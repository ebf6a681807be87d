"""Review records, wherever they were kept: by the daemon, or as files where none was running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from agentd.cli.out_files import write_whole
from agentd.errors import NotFound

if TYPE_CHECKING:
    from agentd.client.sync_client import Client
    from agentd.conflicts.review import Workplace

Record = Mapping[str, Any]

_PAGE_ROWS = 200

NO_DAEMON_REVIEWS = "note: no daemon answers, so the reviews that it keeps are not seen"


def record_path(directory: Path, review_id: str) -> Path:
    """Where the record of a review is kept as a file."""
    return directory / f"{review_id}.json"


def save_record(path: Path, record: Record) -> None:
    """Writes a record, and the directory for it where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def load_record(path: Path) -> Record:
    """A record from a file. Raises `NotFound` where there is none that can be read."""
    try:
        record = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise NotFound(
            "review_not_found",
            f"{path} holds no review record: {error}",
            hint="Name a file written by `agentd-coord review --record FILE`, or a review id.",
        ) from None
    if not isinstance(record, dict) or "review_id" not in record:
        raise NotFound("review_not_found", f"{path} is JSON, but no review record")
    return record


def all_records(
    client: Client | None, directory: Path, *, repository: str | None = None
) -> list[Record]:
    """Every record of a repository (or of all), oldest first, each once."""
    records: dict[str, Record] = {}
    for record in _kept_as_files(directory):
        if repository is None or record.get("repository") == repository:
            records[record["review_id"]] = record
    if client is not None:
        for record in _kept_by_daemon(client, repository):
            records[record["review_id"]] = record
    return sorted(records.values(), key=lambda record: str(record.get("created_at", "")))


def kept_records(
    workplace: Workplace, client: Client | None, directory: Path
) -> Iterator[dict[str, Any]]:
    """The kept reviews of the repository with their inputs, the newest first."""
    from agentd.conflicts.git.archive import kept_reviews
    from agentd.conflicts.replay import kept_record

    records = all_records(client, directory, repository=workplace.repository.namespace)
    replayable = set(kept_reviews(workplace.quarantine))
    for record in reversed(records):
        if record["review_id"] in replayable:
            yield kept_record(workplace, record["review_id"])


def find_record(client: Client | None, directory: Path, review_id: str) -> Record:
    """The record whose id is, or begins with, `review_id`. Raises `NotFound`."""
    if not review_id:
        raise NotFound(
            "review_not_found",
            "an empty id names no review",
            hint="`agentd-coord decisions` lists the reviews that are kept.",
        )
    matching = [
        record
        for record in all_records(client, directory)
        if str(record["review_id"]).startswith(review_id)
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise NotFound(
            "review_not_found",
            f"{len(matching)} reviews begin with {review_id}",
            hint="Give more of the id; `agentd-coord decisions` lists them.",
        )
    raise NotFound(
        "review_not_found",
        f"no review has the id {review_id}",
        hint="`agentd-coord decisions` lists the reviews that are kept.",
    )


def _kept_by_daemon(client: Client, repository: str | None) -> Iterator[Record]:
    after_seq = 0
    while True:
        params: dict[str, Any] = {"after_seq": after_seq, "limit": _PAGE_ROWS}
        if repository is not None:
            params["repository"] = repository
        page = client.call("ListDecisions", params)
        yield from page["reviews"]
        if not page["reviews"]:  # A page may be shorter than was asked for.
            return
        after_seq = page["last_seq"]


def _kept_as_files(directory: Path) -> Iterator[Record]:
    if not directory.is_dir():
        return
    for path in sorted(directory.glob("*.json")):
        try:
            yield load_record(path)
        except NotFound:
            # Somebody else's file in our directory: not a review, so not ours to list.
            continue
