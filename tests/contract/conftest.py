"""Fixtures of the contract tests: simulators on loopback and free ports, as new for every test.

"The contract", and its sections, are the notes on how each service behaves, in ../shared/contracts beside the
repository; without them everything still runs (pipelines/sandbox/__init__.py).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from iteras_simulator_caller import IterasCaller
from mailchimp_simulator_caller import Caller
from mailup_simulator_caller import MailupCaller
from mailup_world import MailupWorld
from vtiger_simulator_caller import VtigerCaller

from pipelines.sandbox.iteras.simulator import Iteras
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailup.simulator import Mailup
from pipelines.sandbox.server import Sandbox
from pipelines.sandbox.vtiger.simulator import Vtiger


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


@pytest.fixture
def mailup(mailup_simulator: Mailup, tmp_path: Path) -> Iterator[MailupWorld]:
    """An account of that simulator, with a provider on it."""
    world = MailupWorld(mailup_simulator, tmp_path)
    yield world
    world.close()


@pytest.fixture
def vtiger_simulator(mailchimp_simulator_server: Sandbox) -> Vtiger:
    """The Vtiger simulator as a fresh sandbox has it: no records yet."""
    mailchimp_simulator_server.reset()
    return mailchimp_simulator_server.vtiger


@pytest.fixture
def vtiger_simulator_call(vtiger_simulator: Vtiger) -> Iterator[VtigerCaller]:
    """Plain requests to it, with the session of the seeded user."""
    with VtigerCaller(vtiger_simulator) as caller:
        yield caller


@pytest.fixture
def iteras_simulator(mailchimp_simulator_server: Sandbox) -> Iteras:
    """The Iteras simulator as a fresh sandbox has it: no customers yet."""
    mailchimp_simulator_server.reset()
    return mailchimp_simulator_server.iteras


@pytest.fixture
def iteras_simulator_call(iteras_simulator: Iteras) -> Iterator[IterasCaller]:
    """Plain requests to it, with the key in the header."""
    with IterasCaller(iteras_simulator) as caller:
        yield caller
