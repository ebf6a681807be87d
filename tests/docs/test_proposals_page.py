"""The page about proposals says what the code does, and its examples come out as they are shown."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import private_environment
from agentd.conflicts.policy.policy import parse_policy
from agentd.conflicts.policy.proposals import KNOWN_DRIVERS, PLACEHOLDERS
from agentd.conflicts.proposals.propose import Became
from agentd.settings import process_environment
from tests.cli.conftest import PRICING, branch_with
from tests.docs.markdown import ROOT, blocks
from tests.fakes.git_identity import ALWAYS_THEN, SOMEBODY
from tests.fakes.model_server import replacements, serving
from tests.fakes.patience import PATIENCE_SECS

PAGE = ROOT / "docs" / "proposals.md"
TEXT = PAGE.read_text("utf-8")
RUN = re.compile(
    r"<!-- run(?:: exit (\d+))? -->\n```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL
)

TESTS = "tests/test_shop.py"
LAST_TEST = '        self.assertTrue(receipt([(1000, 2)]).endswith("total 2490"))\n'
ADDED = "\n    def test_{}(self):\n        self.assertEqual(subtotal([]), 0)\n"
TOTAL = "    return amount + shipping(amount)\n"


@pytest.fixture
def user() -> Iterator[tuple[Path, dict[str, str]]]:
    """A repository with the branches that the page speaks of, and the user's environment."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as name:
        home = Path(name).resolve()
        inherited = process_environment()
        environment = {
            **private_environment(inherited, home / "home"),
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{inherited['PATH']}",
            **SOMEBODY,
            **ALWAYS_THEN,
        }
        shop = ShopRepository(home / "shop", environment)
        shop.create()
        branch_with(shop, "codex", TESTS, LAST_TEST, LAST_TEST + ADDED.format("empty"))
        branch_with(shop, "agy", TESTS, LAST_TEST, LAST_TEST + ADDED.format("nothing"))
        branch_with(shop, "left", PRICING, TOTAL, '    print("sold")\n' + TOTAL)
        branch_with(shop, "right", PRICING, TOTAL, "    amount += 0\n" + TOTAL)
        yield shop.path, environment


def without_ids(text: str) -> str:
    return re.sub(r"b-[0-9a-f]{20}|(?<=review )[0-9a-f]{8}", "ID", text).strip()


def test_the_examples_come_out_as_they_are_shown(user: tuple[Path, dict[str, str]]) -> None:
    repository, environment = user
    examples = RUN.findall(TEXT)
    assert sum(bool(shown) for _, _, shown in examples) == 2
    with serving(replacements('    print("sold")\n    amount += 0\n')).running() as server:
        model = {"DEEPSEEK_API_KEY": "sk-0123456789", "DEEPSEEK_BASE_URL": server.url}
        for code, script, shown in examples:
            done = subprocess.run(
                ["bash", "-e", "-c", script],
                cwd=repository,
                env={**environment, **model},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE_SECS,
                check=False,
            )
            assert done.returncode == int(code or 0), script + done.stdout
            if shown:
                assert without_ids(done.stdout) == without_ids(shown)


def test_the_policies_are_policies() -> None:
    policies = [parse_policy(each.text) for each in blocks(PAGE) if each.language == "toml"]
    assert [len(policy.proposals.makers) for policy in policies] == [3, 2]


def test_the_placeholders_are_all_explained() -> None:
    assert dict(re.findall(r"^\| `(%.)` \| (.*) \|$", TEXT, re.MULTILINE)) == dict(PLACEHOLDERS)


def test_all_outcomes_are_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == list(Became)


def test_the_known_drivers_are_named() -> None:
    for driver in KNOWN_DRIVERS:
        assert f"`{' '.join(driver.command)}`" in TEXT
