"""The vendors' open clients, installed from npm once, and how each is led to the model.

They are kept in `.clients` beside the sources, and so are the homes that a run gives them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.providers.real.namespace import ModelPlace

PACKAGES = Path(__file__).with_name("package.json")
PLACE = Path(__file__).parents[3] / ".clients"
INSTALL_SECS = 600


def why_no_clients() -> str | None:
    """Installs the clients if need be; why they cannot be had, or nothing."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"no {program} is installed"
    installed = PLACE / "package.json"
    if installed.exists() and installed.read_bytes() == PACKAGES.read_bytes():
        return None
    PLACE.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="install-", dir=PLACE))
    shutil.copy(PACKAGES, fresh)
    argv = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    done = subprocess.run(
        argv, cwd=fresh, capture_output=True, text=True, timeout=INSTALL_SECS, check=False
    )
    if done.returncode:
        shutil.rmtree(fresh)
        return f"npm could not install the clients: {done.stderr.strip()[-300:]}"
    shutil.rmtree(PLACE / "node_modules", ignore_errors=True)
    (fresh / "node_modules").rename(PLACE / "node_modules")
    # Last, so that an install that was cut off is done again.
    (fresh / "package.json").rename(installed)
    shutil.rmtree(fresh)
    return None


def programs() -> Path:
    """The directory of the clients' commands."""
    return PLACE / "node_modules" / ".bin"


@contextmanager
def client_home() -> Iterator[Path]:
    """A home directory for clients, in which nothing is configured."""
    with tempfile.TemporaryDirectory(prefix="home-", dir=PLACE) as directory:
        yield Path(directory)


@dataclass(frozen=True)
class Client:
    """One client, as a user would have it: configured for a model, and nothing else."""

    provider: str
    headless: tuple[str, ...]
    """Its own command for a run without a person."""
    prompt_option: str = ""
    """What stands before the prompt."""

    def command(self, prompt: str, options: Sequence[str]) -> list[str]:
        """The command line, with more options."""
        program, *arguments = self.headless
        last = (self.prompt_option, prompt) if self.prompt_option else (prompt,)
        return [str(programs() / program), *arguments, *options, *last]

    def configure(self, home: Path, place: ModelPlace) -> dict[str, str]:
        """Writes its settings into the home; the environment that it needs besides."""
        return SETTINGS[self.provider](home, place.url(self.provider))


def _codex(home: Path, url: str) -> dict[str, str]:
    directory = home / ".codex"
    directory.mkdir()
    (directory / "config.toml").write_text(
        'model = "gpt-5.5"\n'
        'model_provider = "scripted"\n'
        "check_for_update_on_startup = false\n"
        "[analytics]\nenabled = false\n"
        "[model_providers.scripted]\n"
        'name = "scripted"\n'
        f"base_url = {json.dumps(url)}\n"
        'wire_api = "responses"\n'
        'env_key = "SCRIPTED_KEY"\n'
        "request_max_retries = 0\nstream_max_retries = 0\n",
        encoding="utf-8",
    )
    return {"SCRIPTED_KEY": "none", "CODEX_HOME": str(directory)}


def _gemini(home: Path, url: str) -> dict[str, str]:
    directory = home / ".gemini"
    directory.mkdir()
    settings = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
    }
    (directory / "settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return {
        "GEMINI_API_KEY": "none",
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_CLI_NO_RELAUNCH": "true",
    }


def _qwen(home: Path, url: str) -> dict[str, str]:
    directory = home / ".qwen"
    directory.mkdir()
    settings = {
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "$version": 4,
    }
    (directory / "settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": url, "OPENAI_MODEL": "scripted"}


SETTINGS = {"codex": _codex, "gemini": _gemini, "qwen": _qwen}

_EVENTS = ("--output-format", "stream-json", "--approval-mode", "yolo")
CODEX = Client("codex", ("codex", "exec", "--json", "-s", "workspace-write"))
GEMINI = Client("gemini", ("gemini", *_EVENTS, "--skip-trust"), "-p")
QWEN = Client("qwen", ("qwen", *_EVENTS, "--auth-type", "openai"), "-p")
