"""A review in which much happens at once: every action, most kinds of conflict, odd names.

What the report's tests look at, and what its picture in the documentation shows. Its record is kept
beside this file, so that the quick tests need not make it; `python -m tests.conflicts.busy_review`
makes it anew.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agentd.conflicts.bundles.bundle import Bundle, Source, SourceKind
from agentd.conflicts.bundles.parsing import parse_bundle
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import FileContent, Repo

POLICY: Final = """
[verification]
commands = [
  { run = "sh checks/test.sh", name = "tests" },
  { run = "sh checks/lint.sh", name = "lint" },
]
flaky_reruns = 0

[[generated]]
paths = ["package-lock.json"]
regenerate = "sh checks/lock.sh"

[paths]
forbidden = ["secrets/**"]
"""

TEST: Final = """\
status=0
for name in client orders prices; do
  if grep -q BROKEN "src/$name.py"; then
    echo "FAIL test_$name.py::test_total"
    echo "    assert total(order) == Decimal('42.50')"
    printf '    \\033[31mE  AssertionError: 40.00 != 42.50\\033[0m\\n'
    status=1
  else
    echo "PASS test_$name.py"
  fi
done
exit $status
"""

CLIENT: Final = '''\
"""Talks to the warehouse."""

import time

RETRIES = 3


class Client:
    def __init__(self, url):
        self.url = url

    def get(self, path):
        for attempt in range(RETRIES):
            try:
                return self._request("GET", path)
            except ConnectionError:
                time.sleep(1)
        raise ConnectionError(path)

    def _request(self, method, path):
        return method, self.url + path
'''

ORDERS: Final = '''\
"""Orders and what they cost."""


def total(order):
    amount = 0
    for item in order.items:
        amount += item.price * item.count
    return amount


def describe(order):
    return f"{len(order.items)} items"


def cancel(order):
    order.state = "cancelled"
'''

PRICES: Final = '''\
"""Prices."""

SHIPPING = 4.90
TAX = 0.19
FREE_FROM = 50


def gross(net):
    return net * (1 + TAX)


def shipping(amount):
    return 0 if amount >= FREE_FROM else SHIPPING
'''

CART: Final = """\
export function add(cart, item) {
  cart.items.push(item);
  return cart;
}

export function clear(cart) {
  cart.items = [];
}
"""

ODD_PATH: Final = "docs/Überblick – 日本語.md"
LOGO: Final = bytes(range(256)) * 4

FILES: Final[Mapping[str, FileContent]] = {
    ".agentd/review.toml": POLICY,
    "checks/test.sh": TEST,
    "checks/lock.sh": "echo '{ \"packages\": {} }' > package-lock.json\n",
    "checks/lint.sh": "echo 'src/legacy.py:1: unused import'; exit 1\n",
    "src/client.py": CLIENT,
    "src/orders.py": ORDERS,
    "src/prices.py": PRICES,
    "src/legacy.py": "import os\n\n\ndef old_total(order):\n    return 0\n",
    "web/cart.js": CART,
    "web/logo.png": LOGO,
    "package-lock.json": '{\n  "lockfileVersion": 3,\n  "packages": {}\n}\n',
    "README.md": "# The shop\n\nSells things.\n",
    ODD_PATH: "# Überblick\n\n一つ\n",
}


def busy_repository(path: Path, home: Path) -> Repo:
    """The repository, its target one commit ahead of where some bundles start."""
    repo = Repo.create(path, home, FILES)
    repo.git("branch", "yesterday")
    repo.commit(
        "Raise the price of shipping",
        {
            "src/prices.py": PRICES.replace("4.90", "5.90"),
            "README.md": "# The shop\n\nSells all.\n",
        },
    )
    return repo


def _named(
    repo: Repo,
    owner: str,
    provider: str,
    files: Mapping[str, FileContent],
    *,
    base: str = "main",
    **fields: Any,
) -> Bundle:
    branch = f"work/{owner}"
    repo.branch(branch, files, base)
    raw = {
        "base_revision": f"git:{repo.head(base)}",
        "head_revision": f"git:{branch}",
        **fields,
    }
    source = Source(SourceKind.BUNDLE_FILE, f"{owner}.json")
    return parse_bundle(raw, source=source, owner=owner, provider=provider)


def _locked(repo: Repo, daemon: FakeDaemon) -> None:
    """Two agents at the same loop: the first holds the lock. A third has nothing to show yet."""
    space = str(repo.path)
    backoff = CLIENT.replace("time.sleep(1)", "time.sleep(2**attempt)").replace(
        "RETRIES = 3", "RETRIES = 5"
    )
    jitter = CLIENT.replace(
        "                time.sleep(1)\n",
        "                delay = random.uniform(0.5, 1.5)\n                time.sleep(delay)\n",
    ).replace("import time", "import random\nimport time")
    for owner, provider, content, intent, mode in (
        ("codex-retry", "openai", backoff, "Back off exponentially between retries", "exclusive"),
        ("agy-jitter", "google", jitter, "Spread retries so that they do not meet", "shared"),
    ):
        repo.branch(f"lock/{owner}", {"src/client.py": content})
        bundle = {
            "base_revision": f"git:{repo.head('main')}",
            "head_revision": f"git:lock/{owner}",
            "intent": intent,
            "confidence": "high",
            "verification": ["pytest tests/test_client.py: 14 passed"],
        }
        daemon.lock(
            "file:src/client.py", owner, bundle, provider=provider, namespace=space, mode=mode
        )
    daemon.lock(
        "file:src/reports.py",
        "claude-reports",
        {"intent": "Monthly reports", "touched_paths": ["src/reports.py"]},
        provider="anthropic",
        namespace=space,
    )
    landed = {
        "base_revision": f"git:{repo.head('yesterday')}",
        "head_revision": f"git:{repo.head('main')}",
        "intent": "Raise the price of shipping",
    }
    ended = daemon.lock(
        "file:src/prices.py", "codex-shipping", landed, provider="openai", namespace=space
    )
    daemon.release(ended)


def _conflicting(repo: Repo) -> list[Bundle]:
    decimal = ORDERS.replace("amount = 0", 'amount = Decimal("0")').replace(
        '"""Orders and what they cost."""\n', '"""Orders and what they cost."""\n\nimport decimal\n'
    )
    summed = ORDERS.replace(
        "    amount = 0\n    for item in order.items:\n"
        "        amount += item.price * item.count\n    return amount\n",
        "    return sum(item.price * item.count for item in order.items)\n",
    )
    return [
        _named(
            repo,
            "claude-decimal",
            "anthropic",
            {"src/orders.py": decimal},
            intent="Count money in decimals, not floats",
            confidence=0.9,
            assumptions=["Nobody relies on totals being floats"],
        ),
        _named(
            repo,
            "codex-sum",
            "openai",
            {"src/orders.py": summed},
            intent="Shorten the loop to a sum",
        ),
        _named(
            repo,
            "agy-cancel",
            "google",
            {"src/orders.py": ORDERS.replace('"cancelled"', '"canceled"'), "src/legacy.py": None},
            intent="Spell states as the API does; drop what nobody calls",
        ),
        _named(
            repo,
            "copilot-legacy",
            "github",
            {"src/legacy.py": "def old_total(order):\n    return order.amount\n"},
            intent="Mend the old total",
        ),
        _named(repo, "agy-metrics", "google", {"src/metrics.py": "COUNT = 0\n"}, intent="Metrics"),
        _named(repo, "codex-metrics", "openai", {"src/metrics.py": "class Metrics: ...\n"}),
        _named(repo, "brand-a", "openai", {"web/logo.png": LOGO[::-1]}, intent="A new logo"),
        _named(repo, "brand-b", "google", {"web/logo.png": LOGO[1:]}, intent="A smaller logo"),
        _named(repo, "lock-a", "openai", {"package-lock.json": '{\n  "packages": {"a": 1}\n}\n'}),
        _named(repo, "lock-b", "google", {"package-lock.json": '{\n  "packages": {"b": 1}\n}\n'}),
    ]


def _crossing(repo: Repo) -> list[Bundle]:
    """Bundles that meet several others."""
    return [
        _named(
            repo,
            "cart-total",
            "anthropic",
            {"web/cart.js": CART.replace("return cart;", "return { ...cart, dirty: true };")},
        ),
        _named(
            repo,
            "cart-guard",
            "openai",
            {
                "web/cart.js": CART.replace(
                    "cart.items.push(item);", "cart.items.push({ ...item });"
                )
            },
        ),
        _named(
            repo,
            "copilot-sweep",
            "github",
            {
                "src/client.py": CLIENT.replace("RETRIES = 3", "RETRIES = 4  # measured"),
                "src/orders.py": ORDERS.replace("amount += item.price", "amount += item.net_price"),
                "web/cart.js": CART.replace("cart.items.push(item);", "cart.items.unshift(item);"),
            },
            intent="Mend what the audit found, everywhere",
        ),
        _named(
            repo,
            "claude-items",
            "anthropic",
            {"src/orders.py": ORDERS.replace("order.items:", "order.items or ():")},
            intent="Orders without items cost nothing",
        ),
    ]


def _by_itself(repo: Repo) -> list[Bundle]:
    stale = FILES["src/prices.py"]
    assert isinstance(stale, str)
    return [
        _named(
            repo,
            "docs-日本",
            "anthropic",
            {ODD_PATH: "# Überblick\n\n一つ\n二つ\n"},
            intent="Übersicht",
        ),
        _named(
            repo,
            "late-tax",
            "google",
            {"src/prices.py": stale.replace("TAX = 0.19", "TAX = 0.20")},
            base="yesterday",
            intent="The new tax",
        ),
        _named(
            repo,
            "late-clean",
            "openai",
            {"web/cart.js": CART + "\nexport const EMPTY = { items: [] };\n"},
            base="yesterday",
        ),
        _named(
            repo,
            "broken-prices",
            "openai",
            {"src/prices.py": PRICES.replace("4.90", "5.90").replace("0.19\n", "0.16  # BROKEN\n")},
            intent="Lower the tax",
            verification=["pytest: all green"],
        ),
        _named(repo, "leaky", "google", {"secrets/key.pem": "not a key\n"}),
        _named(repo, "pipelines", "github", {".github/workflows/ci.yml": "on: push\n"}),
        _named(repo, "twin-1", "openai", {"README.md": "# Shop\n\nSells everything.\n"}),
        _named(repo, "twin-2", "google", {"README.md": "# Shop\n\nSells everything.\n"}),
        parse_bundle(
            {"patch": "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# Nothing\n+# The mall\n"},
            source=Source(SourceKind.PATCH_FILE, "mall.diff"),
            owner="mall.diff",
            provider="unknown",
        ),
    ]


RECORDING: Final = Path(__file__).parent / "records" / "busy_review.json"


def recorded() -> dict[str, Any]:
    """The record as it was kept."""
    record: dict[str, Any] = json.loads(RECORDING.read_text())
    return record


def busy_record(path: Path, home: Path) -> dict[str, Any]:
    """The record of reviewing all of it."""
    repo = busy_repository(path, home)
    daemon = FakeDaemon()
    _locked(repo, daemon)
    outcome = repo.review(*_conflicting(repo), *_crossing(repo), *_by_itself(repo), daemon=daemon)
    return dict(outcome.record)


def _record() -> None:
    with tempfile.TemporaryDirectory() as directory:
        record = busy_record(Path(directory) / "shop", Path(directory) / "home")
    del record["inputs"]
    record |= {
        "repository": "/home/ada/shop",
        "review_id": "3f2a91c0-5b7e-4d1a-9c66-0e8d2f4b7a15",
    }
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    _record()
