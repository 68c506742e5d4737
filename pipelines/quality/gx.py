"""Great Expectations, imported when it is needed and no more of it than that takes.

Belongs here: loading the library, an empty context. Does not: expectations (suites.py).

Measured on 2 cores, after pandas and SQLAlchemy: 4.1 s, of which 2.1 s go into scipy.stats and altair. GX's package
imports all of itself from any door, so no narrower import exists; but those two serve single expectations that Enlist
does not use (Kolmogorov-Smirnov, Kullback-Leibler). While GX is being imported a stand-in takes the place of each. It
loads the real module on first use, so these expectations work as ever, and is out of sys.modules right after.
Nothing of GX itself is altered.
"""

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

LATE_MODULES = ("scipy.stats", "altair")


class LateModule(ModuleType):
    """Stands for a module until somebody asks it for something."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def standing_in(names: tuple[str, ...]) -> Iterator[None]:
    """Stand-ins for those of the modules that nobody has loaded yet, for as long as the block lasts."""
    stand_ins = {name: LateModule(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


def great_expectations() -> Any:
    """The library: telemetry off, its loggers quiet."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with warnings.catch_warnings(), standing_in(LATE_MODULES):
        # Its dependencies import modules that Python has deprecated; nothing that we or a user could mend.
        warnings.simplefilter("ignore")
        return importlib.import_module("great_expectations")


def quiet_context() -> Any:
    """A context that leaves nothing on disk and shows no progress bars."""
    context = great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context
