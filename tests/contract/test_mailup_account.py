"""One MailUp account: rights, addresses of its methods, tokens, and the pace of calls."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from mailup_world import MailupWorld

from pipelines.errors import PermanentError
from pipelines.http.client import Patience
from pipelines.providers.mailup.client import LEAST_PAUSE

# Account and rights


def test_unsigned_terms_are_told_as_such_and_not_as_a_wrong_key(mailup: MailupWorld) -> None:
    mailup.simulator.turn(terms_signed=False)
    with pytest.raises(PermanentError) as caught:
        mailup.provider.account()
    assert "terms of service" in caught.value.do and "Contract not signed" in caught.value.what


def test_lists_are_found_at_either_address(mailup: MailupWorld) -> None:
    mailup.simulator.fail(kind="problem", status=404, method="GET", path="/Console/User/Lists")
    assert [one.audience_id for one in mailup.provider.audiences()] == [mailup.audience_id]


# Tokens


@pytest.mark.parametrize("how", ["expire", "revoke"])
def test_a_dead_token_is_renewed_in_the_middle(mailup: MailupWorld, how: str) -> None:
    mailup.provider.account()
    mailup.simulator.expire_tokens(how)  # type: ignore[arg-type]
    assert mailup.provider.audiences()


def test_many_threads_and_providers_with_a_dead_token_refresh_once(mailup: MailupWorld) -> None:
    providers = [mailup.open() for _ in range(4)]
    mailup.provider.account()
    mailup.simulator.expire_tokens()
    logins = mailup.logins()
    failures: list[Exception] = []

    def work(at: int) -> None:
        try:
            providers[at % 4].groups(mailup.audience_id)
        except Exception as error:  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert mailup.logins() == logins + 1


def test_tokens_lie_in_a_file_of_their_owner_alone_and_survive_the_process(mailup: MailupWorld) -> None:
    mailup.provider.account()
    (file,) = mailup.locks.glob("*.token")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    logins = mailup.logins()
    mailup.open().account()
    assert mailup.logins() == logins, "no log-in while the token lives"


# Limits


def test_the_documented_rate_is_kept_over_several_providers(mailup: MailupWorld) -> None:
    """In one of a few rounds: a machine that stands still for a moment makes up for it with calls close together."""
    mailup.simulator.turn(calls_per_second=5)
    providers = [mailup.open(rate_per_second=4) for _ in range(2)]

    def refused() -> int:
        before = mailup.simulator.stats()["statuses"].get("429", 0)
        for provider in providers:
            provider.groups(mailup.audience_id)
        with ThreadPoolExecutor(2) as pool:
            assert len(list(pool.map(lambda one: [one.groups(mailup.audience_id) for _ in range(4)], providers))) == 2
        found: int = mailup.simulator.stats()["statuses"].get("429", 0) - before
        return found

    assert any(refused() == 0 for _ in range(5))


def test_too_many_calls_are_waited_out_for_a_second_at_least(mailup: MailupWorld) -> None:
    mailup.simulator.fail(kind="problem", status=429, times=1)
    naps: list[float] = []
    provider = mailup.open(patience=Patience(least_pause=LEAST_PAUSE, wait=naps.append))
    assert provider.audiences()
    assert len(naps) == 1 and 1.0 <= naps[0] <= 2.0
