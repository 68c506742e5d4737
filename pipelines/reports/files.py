"""Files that appear whole or not at all.

Belongs here: writing beside the old file and moving over it. Does not: what is in them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.errors import ConfigError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its place when the block ends well; `ConfigError` where nobody may write."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        do = "Make room on the disk, or name a place where you may write."
        raise ConfigError(f"it can't be written ({error.strerror or error}).", where=str(path), do=do) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
