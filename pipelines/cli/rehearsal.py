"""What a rehearsal needs: a home that can only reach this machine, the sandbox, sample CRMs, an audience with a past.

Belongs here: preparing a home for `enlist demo` and `enlist ui`. Does not: the sandbox and the samples (sandbox/).
"""

from contextlib import ExitStack
from urllib.parse import urlsplit

from pipelines import clock
from pipelines.cli.output import Output
from pipelines.config import Home, MailchimpConnection, SqlConnection
from pipelines.errors import ConfigError, EnlistError, TransientError


def refuse_real_accounts(home: Home) -> None:
    """A rehearsal may only reach this machine."""
    if not home.is_loopback():
        raise ConfigError(
            "the demo sends made-up changes, and a connection of this home can reach a real account.",
            where=str(home.root),
            do="Run it on the default home, or on one whose URLs are all on 127.0.0.1.",
        )


def sandbox_port(home: Home) -> int | None:
    """The port of the sandbox that the home's connections name, None when all of them are real."""
    for connection in home.connections.values():
        url = getattr(connection, "url", None)
        if isinstance(url, str) and connection.is_loopback():
            return urlsplit(url).port
    return None


def prepare(home: Home, stack: ExitStack, output: Output) -> None:
    """Start the sandbox that the home names for the length of `stack`, and write the sample CRMs it still lacks."""
    from pipelines.sandbox.samples.preparing import prepare_samples
    from pipelines.sandbox.server import Sandbox, running_sandbox

    port = sandbox_port(home)
    if port is None:
        return
    if not running_sandbox(f"http://127.0.0.1:{port}"):
        box = stack.enter_context(Sandbox(home.sandbox, port))
        output.say(f"Sandbox: {box.url}")
    if home.is_loopback() and _lacks_samples(home):
        _write_samples(home, output)
        _make_past(home)
    if home.is_loopback():
        for made in prepare_samples(home.root, set(home.syncs), f"http://127.0.0.1:{port}", clock.now().date()):
            output.say(made)


def with_sandbox_hint(home: Home, error: EnlistError) -> EnlistError:
    """The error with the likeliest remedy, when a home on the sandbox finds nobody there."""
    from pipelines.sandbox.server import running_sandbox

    port = sandbox_port(home)
    if isinstance(error, TransientError) and port and not running_sandbox(f"http://127.0.0.1:{port}"):
        error.do = "The sandbox of this home does not run: start it beside this with `enlist sandbox`."
    return error


def _lacks_samples(home: Home) -> bool:
    """Whether the home reads the sample CRM and does not have it yet."""
    sample = home.root / "crm" / "auditcase.db"
    urls = [home.sql_url(one) for one in home.connections.values() if isinstance(one, SqlConnection)]
    return f"sqlite:///{sample}" in urls and not sample.exists()


def _write_samples(home: Home, output: Output) -> None:
    from pipelines.sandbox.samples import write_samples

    for path in write_samples(home.root):
        output.say(f"Sample CRM: {path.relative_to(home.root)}")


def _make_past(home: Home) -> None:
    """Two people of the CRM whom the audience knew before: one opted out, one was deleted for good."""
    from pipelines.providers.loading import connected
    from pipelines.sandbox.marketer import make_mailchimp_past
    from pipelines.sandbox.samples import known_before
    from pipelines.sync.audience import resolve

    for name, addresses in known_before(home.root).items():
        sync = home.sync(name)
        connection = home.connection(sync.to.connection)
        if isinstance(connection, MailchimpConnection) and connection.url:
            with connected(home, sync.to.connection) as provider:
                audience_id = resolve(provider, home, sync).audience_id
            make_mailchimp_past(connection.url, connection.api_key.get_secret_value(), audience_id, addresses)
