"""From the names of makers to those who make: the one place where the CLI wires models in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentd.cli.connect import fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.errors import Unsupported

if TYPE_CHECKING:
    from agentd.conflicts.policy.policy import Policy
    from agentd.conflicts.policy.proposals import Driver
    from agentd.conflicts.proposals.making import Maker


def makers(
    named: Sequence[str], policy: Policy, *, mechanical_only: bool = False
) -> tuple[Maker, ...]:
    """Those who are asked, in this order: the named ones, else the policy's.

    Whoever is named has to be there. Of the policy's those that this machine lacks decline with
    the reason: a policy is shared, a key is not. `mechanical_only`: `entity` leaves out
    what people may well make otherwise, as where the policy says so.
    """
    from agentd.conflicts.proposals.making import ENTITY, EntityMaker

    entity = EntityMaker(mechanical_only or policy.proposals.mechanical_only)
    return tuple(
        entity if name == ENTITY else _maker(name, policy, required=bool(named))
        for name in named or policy.proposals.makers
    )


def check_models(named: Sequence[str]) -> None:
    """Raises where a named model cannot be asked, before anything long begins."""
    from agentd.providers.completers import COMPLETERS, completer

    for name in named:
        if name in COMPLETERS:
            completer(name, settings())


def _maker(name: str, policy: Policy, *, required: bool) -> Maker:
    from agentd.conflicts.proposals.making import ENTITY
    from agentd.providers.completers import COMPLETERS

    driver = policy.proposals.driver(name)
    if driver is None and name not in COMPLETERS:
        drivers = [each.name for each in policy.proposals.all_drivers]
        fail(
            f"no maker of proposals is called {name!r}",
            hint=f"There are {', '.join(dict.fromkeys((ENTITY, *drivers, *COMPLETERS)))}; further "
            "merge drivers come from [[proposals.drivers]] in the policy.",
            code=ExitCode.USAGE if required else ExitCode.FAILED,
        )
    if driver is not None:
        return _driver(driver, policy)
    return _model(name, policy, required=required)


def _driver(driver: Driver, policy: Policy) -> Maker:
    from agentd.conflicts.checks.walls import Walls
    from agentd.conflicts.proposals.driver_maker import DriverMaker
    from agentd.settings import process_environment

    configured = settings()
    walls = Walls(
        policy.verification, environ=process_environment(), hidden=configured.private_paths
    )
    scratch = configured.home_layout.scratch
    return DriverMaker(driver, walls, scratch, bytes_max=policy.limits.bundle_bytes_max)


def _model(name: str, policy: Policy, *, required: bool) -> Maker:
    from agentd.conflicts.proposals.making import AbsentMaker
    from agentd.conflicts.proposals.model_maker import ModelMaker
    from agentd.providers.completers import completer

    try:
        return ModelMaker(completer(name, settings()), policy.proposals)
    except Unsupported as error:
        if required:
            raise
        return AbsentMaker(name, error.message)
