"""The little web shop that the demo's agents work on: a real git repository with real tests."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PRICING: Final = '''\
"""What a basket costs. All amounts are in cents."""

SHIPPING = 490


def subtotal(items):
    """The sum of the items: (price, quantity) pairs."""
    return sum(price * quantity for price, quantity in items)


def shipping(amount):
    """What sending a basket of that amount costs."""
    return SHIPPING


def total(items):
    """What the customer pays."""
    amount = subtotal(items)
    return amount + shipping(amount)
'''

_RECEIPT: Final = '''\
"""The receipt that goes into the parcel."""

from shop.pricing import total


def receipt(items):
    """One line for each item, and the total."""
    lines = [f"{quantity} x {price}" for price, quantity in items]
    lines.append(f"total {total(items)}")
    return "\\n".join(lines)
'''

_TESTS: Final = """\
import unittest

from shop.pricing import subtotal, total
from shop.receipt import receipt


class PricingTest(unittest.TestCase):
    def test_subtotal_counts_quantities(self):
        self.assertEqual(subtotal([(1000, 2), (50, 3)]), 2150)

    def test_total_adds_shipping(self):
        self.assertEqual(total([(1000, 2)]), 2490)

    def test_receipt_ends_with_the_total(self):
        self.assertTrue(receipt([(1000, 2)]).endswith("total 2490"))


if __name__ == "__main__":
    unittest.main()
"""

_README: Final = """\
# The shop

Prices are in cents. Shipping costs 4.90.

## Returns

Send it back within 14 days.
"""

_POLICY: Final = """\
# How agentd's referee judges changes to this repository.
[verification]
required = true
commands = [{ run = "python3 -m unittest discover -s tests -q" }]
"""

FIRST_FILES: Final[Mapping[str, str]] = {
    "README.md": _README,
    "shop/__init__.py": "",
    "shop/pricing.py": _PRICING,
    "shop/receipt.py": _RECEIPT,
    "tests/__init__.py": "",
    "tests/test_shop.py": _TESTS,
    ".agentd/review.toml": _POLICY,
}


class ShopRepository:
    """The repository, and the few git commands that the demo needs."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self._environment = dict(environment)

    def create(self) -> None:
        """Makes the repository with its first commit on `main`."""
        self.path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        for name, content in FIRST_FILES.items():
            self.write(self.path, name, content)
        self.commit(self.path, "Open the shop")

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """What a git command prints. Raises `CalledProcessError`."""
        return subprocess.run(
            ["git", *arguments],
            cwd=at or self.path,
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def write(self, worktree: Path, name: str, content: str) -> None:
        """Writes a file below a worktree."""
        path = worktree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def replace(self, worktree: Path, name: str, old: str, new: str) -> None:
        """Replaces the one occurrence of `old` in a file."""
        path = worktree / name
        before, found, after = path.read_text().partition(old)
        if not found:
            raise ValueError(f"{name} does not contain {old!r}")
        path.write_text(before + new + after)

    def commit(self, worktree: Path, message: str) -> str:
        """Commits everything in a worktree and returns the commit."""
        self.git("add", "--all", at=worktree)
        self.git("commit", "--quiet", "--message", message, at=worktree)
        return self.head(worktree)

    def head(self, worktree: Path | None = None) -> str:
        """The commit that a worktree is on."""
        return self.git("rev-parse", "HEAD", at=worktree).strip()

    def add_worktree(self, path: Path, revision: str = "main") -> None:
        """Gives an agent a checkout of its own."""
        self.git("worktree", "add", "--quiet", "--detach", str(path), revision)

    def patch(self, worktree: Path) -> str:
        """A worktree's uncommitted changes, new files included, as a unified diff."""
        self.git("add", "--all", "--intent-to-add", at=worktree)
        return self.git("diff", "--no-ext-diff", "--no-color", at=worktree)
