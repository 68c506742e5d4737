"""Fixtures of the contract tests: simulators on loopback and free ports, as new for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mailchimp_simulator_caller import Caller
from mailup_simulator_caller import MailupCaller

from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def mailchimp_simulator_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One server for all tests; use mailchimp_simulator, which is fresh each time."""
    with Sandbox(tmp_path_factory.mktemp("sandbox"), port=0) as sandbox:
        yield sandbox


@pytest.fixture
def mailchimp_simulator(mailchimp_simulator_server: Sandbox) -> Mailchimp:
    """The Mailchimp simulator as a fresh sandbox has it."""
    mailchimp_simulator_server.reset()
    return mailchimp_simulator_server.mailchimp


@pytest.fixture
def mailchimp_simulator_call(mailchimp_simulator: Mailchimp) -> Iterator[Caller]:
    """Plain requests to it; "LIST" in a path is the seeded audience."""
    caller = Caller(mailchimp_simulator)
    yield caller
    caller.session.close()


@pytest.fixture
def mailchimp_simulator_home(tmp_path: Path) -> Path:
    """An empty folder for a sandbox of one's own."""
    return tmp_path / "sandbox"


@pytest.fixture
def mailup_simulator(mailchimp_simulator_server: Sandbox) -> Mailup:
    """The MailUp simulator as a fresh sandbox has it."""
    mailchimp_simulator_server.reset()
    return mailchimp_simulator_server.mailup


@pytest.fixture
def mailup_simulator_call(mailup_simulator: Mailup) -> Iterator[MailupCaller]:
    """Plain requests to it, with a token and without the rate limit; "LIST" in a path is the seeded list."""
    mailup_simulator.turn(calls_per_second=0)
    with MailupCaller(mailup_simulator) as caller:
        yield caller
