"""The demo's story: five agents of three vendors, one repository, and a decision for each.

Everything is real: the repository, the daemon in a process of its own, the lines on its socket,
the worktrees, and the referee's command, run as a user would run it. Only the agents are scripted.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console

from agentd.cli.demo.project import ShopRepository
from agentd.cli.demo.stand_ins import Exchange, RawSocket, StandIn
from agentd.cli.terminal import styled
from agentd.client.autostart import running_daemon

PRICING: Final = "shop/pricing.py"
_NODES: Final = ("returns", "express", "receipt", "invoice")
"""The keys of the task's nodes, in the order in which the agents take them."""
_EXPECTED_EXIT: Final = 10
"""`agentd-coord review`: at least one bundle does not merge."""


class DemoFailed(Exception):
    """The story did not go as it must. The message says at which step."""


def tell(console: Console, environment: Mapping[str, str], *, pause_secs: float = 0.0) -> None:
    """Plays the story in a temporary home that is gone afterwards. Raises `DemoFailed`."""
    with TemporaryDirectory(prefix="agentd-demo-") as directory, ExitStack() as stack:
        _Story(console, Path(directory), environment, stack, pause_secs).play()


class _Story:
    def __init__(
        self,
        console: Console,
        directory: Path,
        environment: Mapping[str, str],
        stack: ExitStack,
        pause_secs: float,
    ) -> None:
        self._console = console
        self._directory = directory
        self._stack = stack
        self._pause_secs = pause_secs
        self._step = 0
        self._environment = _private_environment(environment, directory)
        self._shop = ShopRepository(directory / "shop", self._environment)
        self._socket = directory / "home" / "agentd.sock"
        self._task_id = ""

    def play(self) -> None:
        """All steps, in order."""
        self._open_the_shop()
        self._main_moves_on()
        codex = self._codex_locks_first()
        self._antigravity_is_denied()
        self._deepseek_works_beside_them()
        self._second_deepseek_claims_green()
        self._codex_hands_in(codex)
        self._review()
        self._land()
        self._what_next(codex)

    # The steps.

    def _open_the_shop(self) -> None:
        self._heading("A repository and a daemon")
        self._shop.create()
        self._say(
            "A small web shop in git: prices, a receipt, three tests. Its .agentd/review.toml says "
            "that nothing is merged unless the tests pass. agentd runs in a process of its own and "
            "listens on a Unix socket."
        )
        self._stack.enter_context(running_daemon(self._environment))
        task = self._connect("coordinator", "human", worktree=self._shop.path).wire
        registered = task.call(
            "RegisterTask",
            {
                "goal": "get the shop ready for the season",
                "context": {"repository": str(self._shop.path)},
                "initial_nodes": [{"key": key} for key in _NODES],
            },
        )
        self._task_id = registered["task_id"]
        self._show(task.last)

    def _main_moves_on(self) -> None:
        self._heading("An Antigravity agent works on a base that gets old")
        late = self._agent("antigravity-returns", "antigravity")
        base = self._shop.head()
        returns = "within 14 days"
        self._shop.replace(self._shop.path, "README.md", returns, "within 30 days, unused")
        self._shop.commit(self._shop.path, "Give customers 30 days")
        self._shop.replace(late.worktree, "README.md", returns, f"{returns}, with the receipt")
        self._complete(late, "returns", "returns need the receipt", base=base)
        self._say(
            "While it worked, somebody committed to main: its patch is made for a README that is "
            "not there any more. It hands the patch in as the `result` of its node of a task."
        )

    def _codex_locks_first(self) -> StandIn:
        self._heading("Codex locks the file that it is going to change")
        codex = self._agent("codex-pricing", "openai")
        granted = codex.lock(
            PRICING,
            {
                "intent": "free shipping from 50.00",
                "base_revision": f"git:{self._shop.head()}",
                "touched_paths": [PRICING],
                "confidence": "high",
            },
        )
        self._show(codex.wire.last)
        if granted is None:
            raise DemoFailed("Codex did not get a free lock")
        self._shop.replace(
            codex.worktree,
            PRICING,
            "    return SHIPPING\n",
            "    return 0 if amount >= 5000 else SHIPPING\n",
        )
        self._say("It holds the lease. Only its lease_id can renew or release the lock.")
        return codex

    def _antigravity_is_denied(self) -> None:
        self._heading("Another Antigravity agent wants the same file")
        antigravity = self._agent("antigravity-pricing", "antigravity")
        denied = antigravity.lock(PRICING, {"intent": "charge express shipping by weight"})
        self._show(antigravity.wire.last)
        if denied is not None:
            raise DemoFailed("two agents were given the same lock")
        self._say(
            "null: somebody holds it. Antigravity does not write over Codex's work. It makes its "
            "change in a worktree of its own and hands in a bundle; the change happens to be on "
            "the very same line."
        )
        self._shop.replace(
            antigravity.worktree,
            PRICING,
            "    return SHIPPING\n",
            "    return SHIPPING + amount // 100\n",
        )
        self._complete(antigravity, "express", "express shipping by value")

    def _deepseek_works_beside_them(self) -> None:
        self._heading("DeepSeek changes the same file too, elsewhere")
        deepseek = self._agent("deepseek-receipt", "deepseek")
        self._shop.replace(
            deepseek.worktree,
            PRICING,
            '    """The sum of the items: (price, quantity) pairs."""\n',
            '    """The sum of the items: (price, quantity) pairs, none of them negative."""\n'
            "    if any(quantity < 0 for _, quantity in items):\n"
            '        raise ValueError("a quantity is negative")\n',
        )
        self._shop.replace(
            deepseek.worktree,
            "shop/receipt.py",
            'f"{quantity} x {price}"',
            'f"{quantity} x {price / 100:.2f}"',
        )
        self._complete(deepseek, "receipt", "refuse negative quantities; prices in euros")
        self._say("Same file as Codex, other lines. That is no reason to wait for anybody.")

    def _second_deepseek_claims_green(self) -> None:
        self._heading("A second DeepSeek agent says that its tests pass")
        deepseek = self._agent("deepseek-invoice", "deepseek")
        self._shop.write(deepseek.worktree, "shop/invoice.py", _INVOICE)
        self._shop.write(deepseek.worktree, "tests/test_invoice.py", _INVOICE_TEST)
        self._command("python3", "-m", "unittest", "discover", "-s", "tests", at=deepseek.worktree)
        self._complete(
            deepseek,
            "invoice",
            "invoices with shipping shown apart",
            verification=[
                {"command": "python3 -m unittest discover -s tests -q", "status": "passed"}
            ],
        )
        self._say(
            "And they do pass, in its own worktree. It has new files only, no line in common with "
            "anybody. Its claim is kept, but a claim is not evidence."
        )

    def _codex_hands_in(self, codex: StandIn) -> None:
        self._heading("Codex is done")
        codex.attach_bundle(PRICING, self._bundle(codex, "free shipping from 50.00"))
        self._show(codex.wire.last)
        self._say("Its bundle goes into the metadata of the lock that it still holds.")

    def _review(self) -> None:
        self._heading("The referee decides")
        code = self._coord("review", "--apply", "--branch-name", "season")
        if code != _EXPECTED_EXIT:
            raise DemoFailed(f"agentd-coord review ended with {code}, not {_EXPECTED_EXIT}")

    def _land(self) -> None:
        self._heading("What landed")
        self._say(
            "Only the branch `season` is new. main, the index and the checkout are as they were; "
            "the two merged bundles keep their authors' names."
        )
        self._command("git", "log", "--graph", "--oneline", "--format=%h %an: %s", "--all")
        self._command("git", "diff", "--stat", "main", "season")

    def _what_next(self, codex: StandIn) -> None:
        self._heading("Why, a week later")
        codex.release(PRICING)
        self._coord("explain", PRICING)
        self._say(
            "The decisions are in the journal, and `agentd-coord review --replay` gives them again "
            "from the record. Now try it on your own repository: docs/quickstart.md."
        )

    # The means.

    def _agent(self, owner: str, provider: str) -> StandIn:
        worktree = self._directory / "worktrees" / owner
        self._shop.add_worktree(worktree)
        return self._connect(owner, provider, worktree)

    def _connect(self, owner: str, provider: str, worktree: Path) -> StandIn:
        wire = RawSocket(self._socket)
        self._stack.callback(wire.close)
        return StandIn(owner, provider, worktree, wire)

    def _bundle(
        self,
        agent: StandIn,
        summary: str,
        *,
        base: str | None = None,
        verification: list[dict[str, str]] | None = None,
    ) -> dict[str, Any]:
        base = base or self._shop.head(agent.worktree)
        patch = self._shop.patch(agent.worktree)
        paths = self._shop.git("diff", "--name-only", base, at=agent.worktree).split()
        return {
            "intent": summary,
            "diff_summary": summary,
            "base_revision": f"git:{base}",
            "touched_paths": paths,
            "confidence": "medium",
            "verification": verification or [],
            "patch": patch,
        }

    def _complete(
        self,
        agent: StandIn,
        key: str,
        summary: str,
        *,
        base: str | None = None,
        verification: list[dict[str, str]] | None = None,
    ) -> None:
        node = agent.take_node(self._task_id)
        if node["context"]["node"]["key"] != key:
            raise DemoFailed(f"{agent.owner} was given a node that is not `{key}`")
        agent.hand_in(node, self._bundle(agent, summary, base=base, verification=verification))
        self._show(agent.wire.last)

    def _coord(self, *arguments: str) -> int:
        self._console.print(styled(f"$ agentd-coord {shlex.join(arguments)}", "bold green"))
        command = [sys.executable, "-m", "agentd.cli.coord", *arguments]
        return self._run(command)

    def _command(self, *command: str, at: Path | None = None) -> None:
        self._console.print(styled(f"$ {shlex.join(command)}", "bold green"))
        if code := self._run(list(command), at):
            raise DemoFailed(f"{command[0]} {command[1]} ended with {code}")

    def _run(self, command: list[str], at: Path | None = None) -> int:
        """Runs a command, in the shop unless told otherwise; its output goes where ours goes."""
        sys.stdout.flush()
        done = subprocess.run(
            command,
            cwd=at or self._shop.path,
            env=self._environment,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self._console.print()
        return done.returncode

    # The telling.

    def _heading(self, title: str) -> None:
        if self._step and self._pause_secs:
            time.sleep(self._pause_secs)
        self._step += 1
        self._console.print()
        self._console.rule(styled(f" {self._step}. {title} ", "bold cyan"), align="left")

    def _say(self, text: str) -> None:
        self._console.print(styled(text))

    def _show(self, exchange: Exchange | None) -> None:
        """One exchange on the socket, each line cut to the width of the terminal."""
        if exchange is None:
            return
        width = max(self._console.width - 4, 20)
        for mark, line in (("→", exchange.request), ("←", exchange.response)):
            cut = line if len(line) <= width else line[: width - 1] + "…"
            self._console.print(styled(f"  {mark} {cut}", "dim"))


def _private_environment(environment: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The user's environment with a home, a daemon and a git identity of the demo's own."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("AGENTD_", "GIT_")) and name != "RUST_LOG"
    }
    home = directory / "home"
    identity = {"NAME": "A Shopkeeper", "EMAIL": "shopkeeper@example.invalid"}
    return {
        **kept,
        "HOME": str(directory),
        "AGENTD_HOME": str(home),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PAGER": "cat",
        **{
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in identity.items()
        },
    }


_INVOICE: Final = '''\
"""The invoice, with shipping shown apart."""

from shop.pricing import subtotal, total


def invoice(items):
    """Goods, shipping and total, in cents."""
    goods = subtotal(items)
    return {"goods": goods, "shipping": total(items) - goods, "total": total(items)}
'''

_INVOICE_TEST: Final = """\
import unittest

from shop.invoice import invoice


class InvoiceTest(unittest.TestCase):
    def test_shipping_is_shown_apart(self):
        self.assertEqual(
            invoice([(2000, 3)]), {"goods": 6000, "shipping": 490, "total": 6490}
        )
"""
