"""Addresses that a person names on the command line, or on stdin so that they stay out of the shell's history.

Belongs here: reading one. Does not: judging it (quality/addresses.py), masking (output.py).
"""

import sys
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.quality.addresses import Verdict

STDIN = "-"


def judged(argument: str, *, where: str = "EMAIL") -> "Verdict":
    """The verdict on the address, right or wrong; `ConfigError` when there is none at all."""
    from pipelines.quality.addresses import judge

    verdict = judge(sys.stdin.readline().strip() if argument == STDIN else argument)
    if verdict.email_key is None:
        raise ConfigError("there is no address.", where=where, do="Write one, or - and pass it on stdin.")
    return verdict


def mailable(argument: str, *, where: str = "EMAIL") -> str:
    """The email_key of an address that a mail could reach; `ConfigError` for a wrong one."""
    verdict = judged(argument, where=where)
    if verdict.verdict == "wrong" or verdict.email_key is None:
        raise ConfigError("this is not an address.", where=where, do=verdict.detail or "")
    return verdict.email_key
