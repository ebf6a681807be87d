"""`agentd`: runs the daemon, and asks or tells a running one.

Everything heavy is imported inside the commands, so that help and completion answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from agentd.cli import completions
from agentd.cli.connect import connected_client, errors_explained, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.options import JsonOption, version_option
from agentd.cli.streams import run_program

app = typer.Typer(
    name="agentd",
    help="Run the daemon that keeps tasks, locks and the journal for several coding agents.\n\n"
    "Without a command it runs in the foreground until Ctrl-C or SIGTERM.",
    epilog="Settings come from AGENTD_* variables and ~/.agentd/.env. Exit codes: 0 done, "
    "1 failed, 2 wrong usage, 3 no daemon answers.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_STOP_CHECK_SECS = 0.05
_STOP_MARGIN_SECS = 5.0
"""How much longer than its own drain time a daemon is waited for."""


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    version: Annotated[bool, version_option("agentd")] = False,
) -> None:
    """Run the daemon in the foreground, or one of the commands below."""
    if context.invoked_subcommand is not None:
        return
    with errors_explained():
        from agentd.core.daemon import serve

        serve(settings())


@app.command()
def status(json: JsonOption = False) -> None:
    """Say whether the daemon runs, and what it holds.

    \b
    Examples:
      agentd status
      agentd status --json
    """
    from agentd.cli.terminal import print_json
    from agentd.errors import AgentdError

    with errors_explained():
        try:
            with connected_client() as client:
                health, metrics = client.call("Health"), client.call("Metrics")
        except AgentdError as error:
            if json and error.reason == "daemon_unreachable":
                print_json({"running": False, "socket": str(settings().socket_path)})
                raise SystemExit(ExitCode.NO_DAEMON) from None
            raise
        if json:
            print_json({**_identity(), "health": health, "metrics": metrics})
        else:
            _print_status(_identity(), health, metrics)


def _identity() -> dict[str, Any]:
    from agentd.core.instance import running_pid

    current = settings()
    return {
        "running": True,
        "pid": running_pid(current.home_layout),
        "socket": str(current.socket_path),
        "database": str(current.database_path),
    }


def _print_status(identity: dict[str, Any], health: Any, metrics: Any) -> None:
    database, runtime = metrics["database"], metrics["runtime"]
    nodes = ", ".join(
        f"{count} {status}" for status, count in database["node_status_counts"].items() if count
    )
    for name, value in (
        ("running", f"agentd {health['version']}, pid {identity['pid']}"),
        ("for", f"{health['uptime_secs']:.0f} s"),
        ("socket", identity["socket"]),
        ("database", f"{identity['database']} ({database['bytes'] / 1e6:.1f} MB)"),
        ("tasks", f"{database['total_tasks']} (nodes: {nodes or 'none'})"),
        ("locks", database["active_locks"]),
        ("events", database["total_events"]),
        ("clients", f"{runtime['connections']} ({runtime['waiters']} calls wait)"),
    ):
        typer.echo(f"{name:<9} {value}")


@app.command()
def stop() -> None:
    """Have the daemon finish what is in flight, and wait for its end.

    \b
    Example:
      agentd stop
    """
    import os
    import signal
    import time

    from agentd.core.instance import is_running, running_pid

    with errors_explained():
        current = settings()
        home = current.home_layout
        pid = running_pid(home)
        if not is_running(home):
            fail(f"no daemon runs in {home.root}", code=ExitCode.NO_DAEMON)
        if pid is None:
            fail(
                f"the daemon of {home.root} has not written its pid file yet",
                hint="Wait a second and try again.",
            )
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + current.drain_secs + _STOP_MARGIN_SECS
        while is_running(home):
            if time.monotonic() > deadline:
                fail(
                    f"process {pid} has not ended yet",
                    hint=f"Look at its log, or end it with: kill -9 {pid} (nothing that it "
                    "answered is lost by that).",
                )
            time.sleep(_STOP_CHECK_SECS)
        typer.echo(f"stopped (pid {pid})")


@app.command()
def call(
    method: Annotated[
        str,
        typer.Argument(
            help="A method, as `agentd describe` lists them.",
            autocompletion=completions.method_names,
        ),
    ],
    params: Annotated[
        str, typer.Argument(metavar="[JSON|-]", help="Its params; `-` reads them from stdin.")
    ] = "{}",
) -> None:
    """Call a method of the running daemon and print its result.

    \b
    Examples:
      agentd call Health
      agentd call AcquireResourceLock '{"resource_key": "file:src/a.py", "owner": "me"}'
      echo '{"limit": 5}' | agentd call ListEvents -
    """
    import sys

    import orjson

    from agentd.cli.terminal import print_json

    with errors_explained():
        text = sys.stdin.read() if params == "-" else params
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            fail(f"the params are not JSON: {error}", hint=_PARAMS_HINT, code=ExitCode.USAGE)
        if not isinstance(value, dict):
            fail("the params are not a JSON object", hint=_PARAMS_HINT, code=ExitCode.USAGE)
        with connected_client() as client:
            print_json(client.call(method, value))


_PARAMS_HINT = "Quote them for the shell: agentd call ListTasks '{\"limit\": 5}'"


@app.command()
def describe(
    method: Annotated[
        str | None,
        typer.Argument(
            help="One method, with its params, result and errors.",
            autocompletion=completions.method_names,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the methods of the wire contract, or show one. Needs no daemon.

    \b
    Examples:
      agentd describe
      agentd describe AcquireResourceLock
      agentd describe --json > interface.json
    """
    from agentd.cli.terminal import print_json
    from agentd.protocol.interface import describe_interface, describe_method
    from agentd.protocol.methods import METHODS, find_method

    with errors_explained():
        if method is not None:
            print_json(describe_method(find_method(method)))
        elif json:
            print_json(describe_interface(settings().max_line_bytes))
        else:
            width = max(map(len, METHODS))
            for name, row in METHODS.items():
                typer.echo(f"{name:<{width}}  {row.summary}")


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema.

    No daemon may run meanwhile; one does the same when it starts.

    \b
    Example:
      agentd migrate
    """
    with errors_explained():
        from agentd.core.daemon import migrate_database

        current = settings()
        version = migrate_database(current)
        typer.echo(f"{current.database_path} has schema {version}, the latest")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file. It must not exist yet.")],
) -> None:
    """Copy the database to a new file, also while the daemon runs.

    The copy is of one moment.

    \b
    Example:
      agentd backup ~/agentd-backup.db
    """
    with errors_explained():
        from agentd.core.daemon import backup_database

        backup_database(settings(), file)
        typer.echo(f"copied to {file} ({file.stat().st_size} bytes)")


def main() -> None:
    """The program."""
    run_program(app)


if __name__ == "__main__":
    main()
