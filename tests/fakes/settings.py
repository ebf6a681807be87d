"""Settings for a test, of which nothing comes from the environment of whoever runs it."""

from __future__ import annotations

from pathlib import Path

from agentd.settings import VARIABLES, Settings, read_settings


def settings_for(home: Path, **options: object) -> Settings:
    """The settings of a home, with options named as the fields of `Settings`."""
    variables = {VARIABLES[name].names[0]: str(option) for name, option in options.items()}
    return read_settings({"AGENTD_HOME": str(home), **variables})
