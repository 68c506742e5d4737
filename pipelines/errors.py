"""Every error that a user may see, as one tree; each class knows the exit code it ends a command with.

Belongs here: error classes. Does not: messages of one particular place (they are written where it goes wrong),
printing (cli/output.py).

    EnlistError                what is wrong, where, what to do
    ├── ConfigError        2   unusable input or configuration
    ├── UnsafePlan         3   a person must look before anything is sent
    │   ├── StalePlan      3   the world moved since the plan was made
    │   └── EmptySource    3   the CRM gave nothing
    ├── ProviderError          the remote said no
    │   ├── PermanentError 2   trying again can't help (wrong key, unknown audience)
    │   └── TransientError 5   unreachable, overloaded or broken off, also after all retries
    ├── Busy               6   another run or program holds what is needed
    └── Interrupted      130   stopped by the user at a batch border
"""

from typing import ClassVar


class EnlistError(Exception):
    """One sentence saying what is wrong, where it is, and what to do about it."""

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.do = do

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head} {self.do}".strip()


class ConfigError(EnlistError):
    """The home, a YAML file or an argument can't be used as it is."""


class UnsafePlan(EnlistError):
    """The plan breaks a safety rule that nobody accepted."""

    exit_code = 3


class StalePlan(UnsafePlan):
    """The configuration, the audience or the time moved on since the plan was made."""


class EmptySource(UnsafePlan):
    """The CRM gave no records; the last good extract stays and nothing is sent."""


class ProviderError(EnlistError):
    """A remote system (CRM or provider) refused a call or gave no usable answer."""

    def __init__(self, what: str, *, where: str = "", do: str = "", status: int | None = None) -> None:
        super().__init__(what, where=where, do=do)
        self.status = status


class PermanentError(ProviderError):
    """The same call will be refused again: never retried."""


class TransientError(ProviderError):
    """Time-outs, 429, 5xx, dropped connections: bounded retries, then this."""

    exit_code = 5


class Busy(EnlistError):
    """Another run of the sync, or another program on the warehouse, was not done in time."""

    exit_code = 6


class Interrupted(EnlistError):
    """The user or the system asked the run to stop; it stopped at a batch border."""

    exit_code = 130
