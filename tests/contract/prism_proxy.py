"""Prism between a client and a server: it compares every request and every answer with the API's specification.

Belongs here: installing and starting Prism, and noting what it finds. Does not: the specification as such
(prism_specification.py), what is driven through Prism (test_prism.py).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from prism_specification import Specification

PACKAGE = "@stoplight/prism-cli@5"
INSTALL_SECONDS = 120
START_SECONDS = 40
VIOLATIONS = "sl-violations"
EXPECTED_WITHOUT_JSON = (403, 429, 502)
REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Exchange:
    """One request through Prism and its answer, and what Prism found wrong with either."""

    method: str
    path: str
    status: int
    is_json: bool
    violations: Sequence[dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}: {json.dumps(self.violations)}"


@dataclass(frozen=True)
class Proxy:
    """A Prism that runs: its root URL, and what it compares with."""

    url: str
    specification: Specification


class Recorder:
    """Every exchange of this process with one Prism, whichever client makes it."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.seen: list[Exchange] = []

    def note(self, response: requests.Response) -> None:
        """Keeps what Prism says of the exchange that ended with this response."""
        method, url = response.request.method or "", response.request.url or ""
        if url.startswith(self._proxy.url):
            parts = urlsplit(url)
            found = json.loads(response.headers.get(VIOLATIONS, "[]"))
            found += self._proxy.specification.unknown_parameters(method, parts.path, parts.query)
            is_json = "json" in response.headers.get("Content-Type", "")
            path = unquote(parts.path.removeprefix("/3.0")) or "/"
            self.seen.append(Exchange(method, path, response.status_code, is_json, found))

    def violations(self) -> list[str]:
        """Those that the contract does not expect, in words."""
        return [str(exchange) for exchange in self.seen if exchange.violations and not is_expected(exchange)]


def is_expected(exchange: Exchange) -> bool:
    """An error whose body is no JSON: the service really sends these, its specification does not know them.

    Contract, section 2: "error answers that are not JSON (429, 403, 502 with an HTML or empty body)". Nothing else.
    """
    in_answer = all(found["location"][0] == "response" for found in exchange.violations)
    return exchange.status in EXPECTED_WITHOUT_JSON and not exchange.is_json and in_answer


@contextmanager
def recording(proxy: Proxy) -> Iterator[Recorder]:
    """Notes every exchange with Prism while it is open; the requests themselves go on unchanged."""
    recorder = Recorder(proxy)
    with pytest.MonkeyPatch.context() as patch:
        send = requests.Session.send

        def noted(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            response = send(session, request, **options)
            recorder.note(response)
            return response

        patch.setattr(requests.Session, "send", noted)
        yield recorder


@contextmanager
def prism(upstream: str, folder: Path) -> Iterator[Proxy]:
    """Prism in front of the upstream. Skips the test, with the reason, where Prism or the contract can't be had."""
    specification = _specification(folder)
    command = _installed()
    port = _free_port()
    arguments = [str(command), "proxy", "--host", "127.0.0.1", "--port", str(port), "--verboseLevel", "error"]
    log = folder / "prism.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*arguments, str(specification.path), upstream], stdout=output, stderr=output)
    try:
        _wait(process, port, log)
        yield Proxy(f"http://127.0.0.1:{port}", specification)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _specification(folder: Path) -> Specification:
    """The Prism-ready copy of Mailchimp's specification, closed against unknown keys."""
    shared = Path(os.environ.get("ENLIST_SHARED") or REPO.parent / "shared")
    script = shared / "contracts" / "prism_spec.py"
    source = shared / "contracts" / "mailchimp-marketing.openapi.json"
    if not (script.is_file() and source.is_file()):
        pytest.skip(f"no contracts at {shared.name}/: set ENLIST_SHARED to the folder that holds contracts/")
    target = folder / "prism.json"
    subprocess.run([sys.executable, str(script), str(source), str(target)], check=True, capture_output=True)
    specification = Specification(target)
    specification.close()
    return specification


def _installed() -> Path:
    """Prism's command, installed once into the user's cache."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed, and Prism needs both")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "enlist-tests"
    folder = cache / PACKAGE.replace("/", "-")
    command = folder / "node_modules" / ".bin" / "prism"
    if not command.exists():
        # Into a folder of its own, so that neither a break-off nor a second run beside this one leaves half of it.
        fresh = cache / f"installing-{os.getpid()}"
        fresh.mkdir(parents=True)
        try:
            _install(npm, fresh)
            if not command.exists():
                shutil.rmtree(folder, ignore_errors=True)
                fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return command


def _install(npm: str, folder: Path) -> None:
    quick = ["--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries", "1", "--fetch-retry-mintimeout", "1000"]
    arguments = ["install", "--prefix", str(folder), *quick, PACKAGE]
    try:
        subprocess.run([npm, *arguments], check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install {PACKAGE} ({type(error).__name__}): is the package registry reachable?")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"Prism did not start: {log.read_text(errors='replace')[-500:]}")
