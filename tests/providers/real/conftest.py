"""The real clients, or why they are not there."""

from __future__ import annotations

import pytest

from tests.providers.real.clients import why_no_clients
from tests.providers.real.namespace import why_no_namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this directory, so that only who asks for them gets them."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.real_clients)


@pytest.fixture(scope="session", autouse=True)
def _clients() -> None:
    """Installs the clients; skips the tests with the reason where they cannot be had or run."""
    if why := why_no_namespace() or why_no_clients():
        pytest.skip(why)
