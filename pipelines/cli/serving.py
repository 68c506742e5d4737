"""`enlist sandbox` and `enlist ui`: the servers, on loopback only.

Belongs here: starting them. Does not: what they serve.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from pipelines.cli.options import HomeOption, JsonOption
from pipelines.cli.output import Output
from pipelines.cli.rehearsal import prepare, sandbox_port
from pipelines.config import find_root, load_home
from pipelines.paths import ROOT


def sandbox(
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1.", show_default="the home's, else 8765")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Run the simulators: providers and CRMs to rehearse on, with people who open, click and opt out."""
    from pipelines.sandbox.server import PORT, serve

    output = Output(is_json=json)
    loaded = load_home(find_root(home), check=False)
    chosen = port or sandbox_port(loaded) or PORT
    output.say(f"The sandbox answers at http://127.0.0.1:{chosen} until Ctrl-C.")
    serve(loaded.sandbox, chosen)
    return output.finish({"port": chosen})


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    home: HomeOption = None,
    json: JsonOption = False,
) -> int:
    """Open the Dagster UI with the schedules running, and the sandbox beside it where the home uses it."""
    from pipelines.cli.running import instance

    output = Output(is_json=json)
    loaded = load_home(find_root(home))
    instance(loaded)
    with ExitStack() as stack:
        prepare(loaded, stack, output)
        output.say(f"The Dagster UI opens at http://127.0.0.1:{port}; Ctrl-C ends it.")
        # `dagster dev` is what dagster-webserver brings; its successor `dg dev` is a package of its own.
        quiet = ["-W", "ignore::UserWarning", "-W", "ignore::FutureWarning"]
        command = [sys.executable, *quiet, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")]
        code = _run([*command, "-h", "127.0.0.1", "-p", str(port)])
    return output.finish({"port": port}, exit_code=0 if code in (0, 130, -2, -15) else 5)


def _run(command: list[str]) -> int:
    """Run a server until it ends or we are told to; it never outlives us.

    `dagster dev` takes its children along at Ctrl-C, not at SIGTERM.
    """
    environment = {**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1"}
    # A shell's background jobs ignore Ctrl-C, and what they start inherits that: then it would ignore us as well.
    server = subprocess.Popen(  # noqa: S603 our own interpreter's dagster
        command, env=environment, cwd=ROOT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    before = signal.signal(signal.SIGTERM, lambda number, frame: server.send_signal(signal.SIGINT))
    try:
        return server.wait()
    except KeyboardInterrupt:  # the terminal told the server as well
        return server.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
