"""The one HTTP server of the sandbox: its own pages, starting and stopping.

Belongs here: the application that mounts the simulators, the port, the thread. Does not: what a simulator does (its
own folder), the command line (cli/).

    /                      what this is and what is mounted
    /mailchimp/3.0/...     the imitated Mailchimp
    /mailup/...            the imitated MailUp: /Authorization/OAuth/..., /API/v1.1/Rest/...
    /vtiger/...            the imitated Vtiger: /webservice.php
    /iteras/...            the imitated Iteras: /api/customers/
    /sandbox/...           the back stage, for rehearsals and tests
"""

import contextlib
import signal
import socket
import threading
from asyncio import Transport
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.errors import ConfigError, EnlistError
from pipelines.sandbox.backstage import Visit, page
from pipelines.sandbox.clock import Clock, MovableClock, real_clock, stamp
from pipelines.sandbox.http import TRANSPORT
from pipelines.sandbox.iteras import admin as iteras_admin
from pipelines.sandbox.iteras import routes as iteras_routes
from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.iteras.switches import Switches as IterasSwitches
from pipelines.sandbox.mailchimp import admin as mailchimp_admin
from pipelines.sandbox.mailchimp import routes as mailchimp_routes
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailchimp.switches import Switches
from pipelines.sandbox.mailup import admin as mailup_admin
from pipelines.sandbox.mailup import routes as mailup_routes
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.mailup.switches import Switches as MailupSwitches
from pipelines.sandbox.simulator import Simulator
from pipelines.sandbox.vtiger import admin as vtiger_admin
from pipelines.sandbox.vtiger import routes as vtiger_routes
from pipelines.sandbox.vtiger.simulator import Vtiger
from pipelines.sandbox.vtiger.switches import Switches as VtigerSwitches

HOST = "127.0.0.1"
PORT = 8765
SEED = 20261
VERSION = "1"  # of the back stage's pages


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 whose requests know their transport, so that a fault can break the connection off."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Hands the transport to every request of this connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class Server(uvicorn.Server):
    """A server that ends quietly on Ctrl-C and SIGTERM instead of raising them once more."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops at a signal while it runs; the handlers of before come back afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class Mounted:
    """A simulator, the pages of its back stage, and the path below which it answers itself."""

    simulator: Simulator[Any, Any]
    pages: Sequence[Route]
    mount: Mount

    @property
    def name(self) -> str:
        """The first part of its path."""
        return self.mount.path.strip("/")


class Sandbox:
    """All simulators behind one port of this machine, served by a thread of this process.

    `folder` is the home's `sandbox/` folder and keeps their state; port 0 takes a free one. As a context manager it
    starts on entry and stops on exit. Raises ConfigError (port in use, unreadable state) and Busy (another sandbox
    works on the folder). `mailchimp`, `mailup`, `vtiger` and `iteras` are there once it runs.
    """

    def __init__(
        self,
        folder: Path,
        port: int = PORT,
        seed: int = SEED,
        *,
        clock: Clock = real_clock,
        switches: Switches | None = None,
        mailup_switches: MailupSwitches | None = None,
        vtiger_switches: VtigerSwitches | None = None,
        iteras_switches: IterasSwitches | None = None,
    ) -> None:
        self._folder = folder
        self._port = port
        self._seed = seed
        self._switches = switches or Switches()
        self._mailup_switches = mailup_switches or MailupSwitches()
        self._vtiger_switches = vtiger_switches or VtigerSwitches()
        self._iteras_switches = iteras_switches or IterasSwitches()
        self._thread: threading.Thread | None = None
        self.clock = MovableClock(clock)

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Root of the server, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    def start(self) -> "Sandbox":
        """Serves in a background thread from the moment this returns."""
        self._open()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)
        if not self._server.started:
            raise ConfigError("The sandbox did not start.", where=self.url, do="Run `enlist sandbox` to see why.")
        return self

    def run(self) -> None:
        """Serves in this thread until Ctrl-C or SIGTERM."""
        self._open()
        self._run()

    def stop(self) -> None:
        """Ends the server and closes the state; harmless when it does not run."""
        if self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._thread = None

    def reset(self) -> None:
        """Every simulator as if it were new, the clock included."""
        self.clock.reset()
        for one in self._mounted:
            one.simulator.reset()

    def _open(self) -> None:
        self._socket = listen(self._port)
        self._port = self._socket.getsockname()[1]
        try:
            self._open_simulators()
        except EnlistError:
            self._socket.close()
            raise
        routes = [route for one in self._mounted for route in (*one.pages, one.mount)]
        self._server = server_of(Starlette(routes=[*self._pages(), *routes]))

    def _open_simulators(self) -> None:
        folder, seed, clock = self._folder, self._seed, self.clock
        with contextlib.ExitStack() as opened:
            self.mailchimp = chimp = Mailchimp(folder, seed, clock, self._switches, f"{self.url}/mailchimp")
            opened.callback(chimp.close)
            self.mailup = Mailup(folder, seed, clock, self._mailup_switches, f"{self.url}/mailup")
            opened.callback(self.mailup.close)
            self.vtiger = Vtiger(folder, seed, clock, self._vtiger_switches, f"{self.url}/vtiger")
            opened.callback(self.vtiger.close)
            self.iteras = Iteras(folder, clock, self._iteras_switches, f"{self.url}/iteras")
            opened.callback(self.iteras.close)
            self._close = opened.pop_all().close
        self._mounted = (
            Mounted(
                self.mailchimp, mailchimp_admin.admin_routes(self.mailchimp), mailchimp_routes.mount(self.mailchimp)
            ),
            Mounted(self.mailup, mailup_admin.admin_routes(self.mailup), mailup_routes.mount(self.mailup)),
            Mounted(self.vtiger, vtiger_admin.admin_routes(self.vtiger), vtiger_routes.mount(self.vtiger)),
            Mounted(self.iteras, iteras_admin.admin_routes(self.iteras), iteras_routes.mount(self.iteras)),
        )

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._close()

    def _pages(self) -> list[Route]:
        def root(_: Visit) -> dict[str, Any]:
            return {"enlist": "sandbox", "version": VERSION, "mounts": [one.name for one in self._mounted]}

        def reset(_: Visit) -> dict[str, Any]:
            self.reset()
            return {"reset": True}

        def clock(visit: Visit) -> dict[str, Any]:
            if visit.method == "POST":
                self.clock.advance(float(visit.body["advance_seconds"]))
            return {"now": stamp(self.clock())}

        return [
            page("/", root),
            page("/sandbox/reset", reset, ("POST",)),
            page("/sandbox/clock", clock, ("GET", "POST")),
        ]


def server_of(application: ASGIApp) -> Server:
    """A quiet server of HTTP/1.1 for the application, not started yet."""
    config = uvicorn.Config(
        application,
        http=DroppableProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=0,
        timeout_keep_alive=30,
    )
    return Server(config)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback. Raises ConfigError when the port is taken or not allowed."""
    # asyncio turns Nagle's delay off only for sockets that name TCP; without it every answer took 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            f"The sandbox can't listen on port {port} ({error}).",
            where=f"http://{HOST}:{port}",
            do="Stop the program that uses this port, or choose another port and put it into connections.yaml.",
        ) from error
    return listener


def serve(folder: Path, port: int = PORT) -> None:
    """Runs the sandbox until Ctrl-C or SIGTERM. Raises ConfigError when the port is in use."""
    Sandbox(folder, port).run()


def running_sandbox(url: str) -> bool:
    """Whether a sandbox of ours answers at the host of this URL, whatever its path."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment knows nothing of this machine's ports
        try:
            found = session.get(requests.compat.urljoin(url, "/"), timeout=2).json()
        except (requests.RequestException, ValueError):
            return False
    return isinstance(found, dict) and found.get("enlist") == "sandbox"
