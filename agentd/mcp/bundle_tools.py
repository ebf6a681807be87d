"""The tools about bundles: hand one in, and have the referee decide."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from mcp.server.mcpserver import Context
from pydantic import Field

from agentd.conflicts.bundles.make_bundle import make_bundle, make_patch_bundle
from agentd.conflicts.review import open_workplace
from agentd.errors import InvalidParams
from agentd.mcp.answers import Decision, Review, Submitted, Verified, quoted
from agentd.mcp.errors import told
from agentd.mcp.identity import Identity
from agentd.mcp.review_run import run_review
from agentd.mcp.session import Session
from agentd.settings import process_environment

_OUTPUT_CHARS_MAX: Final = 2_000


class BundleTools:
    """What a session can do with bundles."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def submit_bundle(
        self,
        intent: Annotated[str, Field(description="What the change is for.")],
        context: Context,
        summary: Annotated[str, Field(description="What it does.")] = "",
        confidence: Annotated[str, Field(description="low, medium or high.")] = "medium",
        assumptions: Annotated[
            list[str] | None, Field(description="What it relies on, as path_exists:src/a.py.")
        ] = None,
        verification: Annotated[
            list[str] | None, Field(description="Checks that you made; kept as claims.")
        ] = None,
        patch: Annotated[
            str | None,
            Field(
                description="The change against HEAD, as a unified diff or as Codex's apply_patch "
                "takes it, for a file that you may not write. Left out: everything that the "
                "worktree has changed, committed or not."
            ),
        ] = None,
        node_id: Annotated[
            str | None, Field(description="The node of this session's that it is the result of.")
        ] = None,
    ) -> Submitted:
        """Hands your change in as a patch bundle, for a review to merge or to send back. Writes
        nothing to the repository.
        """
        with told():
            who = self._session.identity(context)
            ground = self._session.ground()
            made = await asyncio.to_thread(self._made, patch)
            said: dict[str, Any] = {
                "owner": who.owner,
                "provider": who.provider,
                "namespace": ground.namespace,
                "intent": intent,
                "diff_summary": summary or made.get("diff_summary", ""),
                "confidence": confidence,
                "assumptions": assumptions or [],
                "verification": verification or [],
            }
            bundle = {**made, **{name: value for name, value in said.items() if value}}
            task_id, seq = await self._commit(bundle, node_id, intent)
        return Submitted(
            task_id=task_id,
            event_seq=seq,
            owner=who.owner,
            base_revision=bundle["base_revision"],
            touched_paths=bundle.get("touched_paths", []),
            summary=bundle["diff_summary"],
            advice="A review finds it. Call `review` to see what becomes of it.",
        )

    async def review(
        self,
        context: Context,
        target: Annotated[
            str | None, Field(description="The branch to integrate into. Default: the current.")
        ] = None,
        task_id: Annotated[
            str | None, Field(description="Of the bundles in events, only this task's.")
        ] = None,
        allow_stale_clean: Annotated[
            bool, Field(description="Merge what is stale but clean, too.")
        ] = False,
    ) -> Review:
        """Has the referee compare all bundles of this repository and decide which can be merged
        together, with the project's own checks run on the combination. May take minutes. Records
        the decisions; lands nothing.
        """

        async def progress(secs: float) -> None:
            await context.report_progress(secs, None, "comparing and verifying the bundles")

        with told():
            who = self._session.identity(context)
            ground = self._session.ground()
            arguments = ["--repo", str(ground.worktree)]
            arguments += [f"--target={target}"] if target is not None else []
            arguments += [f"--task={task_id}"] if task_id is not None else []
            arguments += ["--allow-stale-clean"] if allow_stale_clean else []
            environment = {
                **process_environment(),
                "AGENTD_HOME": str(self._session.settings.home),
                "AGENTD_SOCKET_PATH": str(self._session.settings.socket_path),
            }
            record = await run_review(arguments, ground.worktree, environment, progress)
        return _answer(record, who)

    def _made(self, patch: str | None) -> dict[str, Any]:
        """The change itself, with its base."""
        workplace = open_workplace(self._session.directory, self._session.settings.home)
        if patch is None:
            main = workplace.repository.worktrees()
            branch = main[0].branch if main else None
            made = make_bundle(workplace, target=branch or "HEAD")
            if made.is_empty:
                raise _nothing("the worktree has no difference to its base")
            return made.bundle
        if not patch.strip():
            raise _nothing("the patch is empty")
        if workplace.repository.commit_of("HEAD") is None:
            raise _nothing("the repository has no commit yet")
        made = make_patch_bundle(workplace, patch.encode("utf-8", "surrogatepass"), "HEAD")
        if made.is_empty:
            raise _nothing("the patch changes nothing")
        return made.bundle

    async def _commit(
        self, bundle: dict[str, Any], node_id: str | None, intent: str
    ) -> tuple[str, int]:
        """Task and place in the journal. What belongs to no node gets a task of its own."""
        client = self._session.client
        if node_id is not None or len(self._session.nodes) == 1:
            about = self._session.node(node_id).shown
        else:
            about = {"task_id": (await client.register_task(goal=intent)).task_id}
        committed = await client.commit_event(**about, action_type="result", payload=bundle)
        return about["task_id"], committed.seq


def _nothing(why: str) -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        f"there is nothing to hand in: {why}",
        hint="Change something in the worktree first, or give a diff as `patch`.",
        path="patch",
        rule="must change something",
    )


def _answer(record: dict[str, Any], who: Identity) -> Review:
    actions = {each["bundle_id"]: each for each in record["decisions"]}
    decisions = [
        Decision(
            bundle_id=bundle["bundle_id"],
            owner=quoted(bundle["owner"]),
            provider=quoted(bundle["provider"]),
            mine=bundle["owner"] == who.owner,
            action=actions[bundle["bundle_id"]]["action"],
            paths=[quoted(path) for path in bundle["paths"]],
            reasons=[reason["message"] for reason in actions[bundle["bundle_id"]]["reasons"]],
        )
        for bundle in record["bundles"]
    ]
    verification = [
        Verified(
            command=quoted(run["command"]),
            status=run["status"],
            output_tail=""
            if run["status"] == "passed"
            else str(run["output_tail"])[-_OUTPUT_CHARS_MAX:],
        )
        for run in record["verification"]
    ]
    return Review(
        review_id=record["review_id"],
        target=record["target"]["ref"],
        all_merge=all(each.action == "merge" for each in decisions),
        decisions=decisions,
        verification=verification,
    )
