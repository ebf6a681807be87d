"""Every odd form of a patch comes to the referee as it was written, however it is handed in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson
import pytest

from agentd.client.autostart import private_environment, running_daemon
from agentd.client.sync_client import Client
from agentd.conflicts.bundles.bundle import Bundle, PatchText
from agentd.conflicts.bundles.collect import collect, from_bundle_file, from_patch_file
from agentd.protocol.locks import GrantedLock
from tests.conflicts.repo_builder import patch_bundle
from tests.conflicts.test_patch_forms import FORMS
from tests.fakes.patience import PATIENCE_SECS

OWNED = {f"agent-{number}": form for number, form in enumerate(FORMS)}
"""Each form, by the owner who hands it in."""

BASE = "main"


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of a daemon in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as home:
        environment = private_environment(os.environ, Path(home))
        with (
            running_daemon(environment, start_secs=PATIENCE_SECS) as daemon,
            daemon.client() as client,
        ):
            yield client


def metadata(owner: str) -> dict[str, str]:
    return {"patch": OWNED[owner].patch, "base_revision": BASE}


def by_live_locks(client: Client) -> None:
    for owner in OWNED:
        key = f"file:{owner}"
        client.acquire_resource_lock(resource_key=key, owner=owner, metadata=metadata(owner))


def by_past_locks(client: Client) -> None:
    for owner in OWNED:
        key = f"file:{owner}"
        lock = client.acquire_resource_lock(resource_key=key, owner=owner, metadata=metadata(owner))
        assert isinstance(lock, GrantedLock)
        client.release_resource_lock(resource_key=key, lease_id=lock.lease_id)


def by_events(client: Client) -> None:
    nodes = [{"key": owner} for owner in OWNED]
    task = client.register_task(goal="the forms", initial_nodes=nodes).task_id
    for owner in OWNED:
        node = client.acquire_next_node(task_id=task, lease_owner=owner)
        assert node is not None
        client.commit_event(
            task_id=task,
            node_id=node.node_id,
            lease_id=node.lease_id,
            action_type="result",
            payload={"patch_bundle": metadata(owner)},
        )


@pytest.mark.parametrize("hand_in", [by_live_locks, by_past_locks, by_events])
def test_through_the_daemon(hand_in: Callable[[Client], None], client: Client) -> None:
    hand_in(client)
    found = {bundle.owner: bundle for bundle in collect(client, "").bundles}
    assert_as_written(found)


def test_in_bundle_files(tmp_path: Path) -> None:
    def bundle(owner: str) -> Bundle:
        path = tmp_path / f"{owner}.json"
        path.write_bytes(orjson.dumps(metadata(owner)))
        return from_bundle_file(path)

    assert_as_written({owner: bundle(owner) for owner in OWNED})


def test_in_patch_files(tmp_path: Path) -> None:
    for owner, form in OWNED.items():
        path = tmp_path / owner
        path.write_bytes(form.patch.encode())
        bundle = from_patch_file(path, base=BASE)
        assert (bundle.owner, bundle.base_revision) == (owner, BASE)
        assert bundle.change == PatchText(form.patch.encode())


def assert_as_written(found: Mapping[str, Bundle]) -> None:
    """That each owner's bundle is what its form is when handed straight to the referee."""
    assert found.keys() == OWNED.keys()
    for owner, form in OWNED.items():
        straight = patch_bundle(owner, form.patch, BASE)
        bundle = found[owner]
        assert (bundle.change, bundle.base_revision) == (straight.change, BASE), form.name
        assert bundle.findings == straight.findings, form.name
