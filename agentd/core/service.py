"""What the daemon says about itself: Health, Metrics and DescribeInterface."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from agentd import __version__
from agentd.core.clock import Clock
from agentd.core.dispatch import LocalOperation
from agentd.core.metrics import Metrics, prometheus_text
from agentd.core.storage.database import Reader
from agentd.core.storage.gauges import read_gauges, schema_version
from agentd.protocol.interface import PROTOCOL, describe_interface
from agentd.protocol.service import (
    DescribeInterfaceParams,
    HealthParams,
    MetricsFormat,
    MetricsParams,
)
from agentd.settings import Settings


class Service:
    """The daemon's view of itself."""

    def __init__(
        self, *, settings: Settings, reader: Reader, clock: Clock, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._started = monotonic()

    @property
    def operations(self) -> Mapping[str, LocalOperation]:
        """The methods that are answered here."""
        return {
            "DescribeInterface": self.describe_interface,
            "Health": self.health,
            "Metrics": self.report,
        }

    async def describe_interface(self, params: DescribeInterfaceParams) -> dict[str, Any]:
        """The contract."""
        return describe_interface(self._settings.max_line_bytes)

    async def health(self, params: HealthParams) -> dict[str, Any]:
        """Reads from the database, so that the answer is more than a sign of life."""
        return {
            "status": "ok",
            "database": "ok",
            "running_timeout_secs": self._settings.node_timeout_secs,
            "context_event_limit": self._settings.context_event_limit,
            "version": __version__,
            "protocol": PROTOCOL,
            "uptime_secs": self._uptime_secs,
            "schema_version": await schema_version(self._reader),
        }

    async def report(self, params: MetricsParams) -> dict[str, Any]:
        """All numbers."""
        result = {
            "uptime_secs": self._uptime_secs,
            "running_timeout_secs": self._settings.node_timeout_secs,
            "context_event_limit": self._settings.context_event_limit,
            "runtime": self._metrics.runtime(),
            "database": await read_gauges(self._reader, self._clock.now()),
        }
        if params.format is MetricsFormat.PROMETHEUS:
            return {"text": prometheus_text(result)}
        return result

    @property
    def _uptime_secs(self) -> float:
        return round(monotonic() - self._started, 3)
