"""Files of a running daemon that somebody deletes: nothing is called stored that is lost."""

from __future__ import annotations

from tests.conftest import RunningDaemon


async def test_nothing_is_stored_in_a_database_that_was_deleted(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    await client.call("AcquireResourceLock", resource_key="before")
    running_daemon.settings.database_path.unlink()
    for method in ("AcquireResourceLock", "AcquireResourceLock"):
        error = await client.refusal(method, resource_key="after")
        assert error["reason"] == "disk_full"
        assert "was deleted" in error["message"]
        assert "start it again" in error["hint"]
    await running_daemon.restart()
    client = await running_daemon.client()
    assert await client.call("AcquireResourceLock", resource_key="before")


async def test_a_home_that_is_moved_keeps_what_is_stored(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    home = running_daemon.settings.database_path.parent
    moved = home.with_name(f"{home.name}-moved")
    home.rename(moved)
    try:
        await client.call("AcquireResourceLock", resource_key="after")
    finally:
        moved.rename(home)
    await running_daemon.restart()
    client = await running_daemon.client()
    assert await client.call("AcquireResourceLock", resource_key="after") is None
