"""The application: its commands in the order in which people need them, and `main` with its exit codes.

Belongs here: registering commands, turning errors into one sentence and a code. Does not: any command.
"""

import gc
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.exceptions import TyperException

from pipelines.cli import (
    checking,
    consenting,
    crm,
    demo,
    explaining,
    looking,
    planning,
    pushing,
    reporting,
    serving,
    undoing,
)
from pipelines.cli.output import Output
from pipelines.errors import ConfigError, EnlistError, Interrupted

HELP = """Keep mailing audiences in step with a CRM, and bring consent and statistics back.

Begin with `enlist demo`. Then: `enlist check`, `enlist plan SYNC`, `enlist show PLAN`, `enlist push SYNC`.

Exit codes: 0 done or nothing to do, 1 findings (check), 2 unusable input or configuration, 3 the plan is unsafe or
stale, 4 some rows were refused, 5 the provider or the CRM can't be reached, 6 busy, 130 interrupted.
"""

COMMANDS: tuple[Callable[..., Any], ...] = (
    demo.demo,
    looking.status,
    checking.check,
    planning.plan,
    looking.plans,
    looking.show,
    pushing.push,
    pushing.sync,
    pushing.stats,
    reporting.report,
    looking.failures,
    explaining.explain,
    consenting.block,
    consenting.unblock,
    undoing.undo,
    serving.sandbox,
    serving.ui,
)

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")
for command in COMMANDS:
    app.command(name=command.__name__)(command)
app.add_typer(crm.app, name="crm")


def main() -> None:
    """Run the command line and leave with its exit code; no traceback reaches a user."""
    # Start-up makes a million objects that all stay; looking through them for garbage costs 5 to 10% of a command.
    gc.set_threshold(200_000, 50, 50)
    output = Output(is_json="--json" in sys.argv[1:], reveal="--reveal" in sys.argv[1:])
    try:
        _check_is_text(sys.argv[1:])
        with output.warnings():
            code = app(standalone_mode=False)
    except EnlistError as error:
        code = output.fail(error)
    except (KeyboardInterrupt, typer.Abort):
        code = output.fail(Interrupted("Stopped."))
    except typer.Exit as leave:
        code = leave.exit_code
    except TyperException as error:
        code = _usage(output, error)
    except OSError as error:
        code = output.fail(_of_system(error))
    except Exception as error:
        code = output.fail(_unforeseen(error))
    sys.exit(code if isinstance(code, int) else 0)


def _check_is_text(arguments: list[str]) -> None:
    """Python hands on bytes that are no text as half characters, at which DuckDB and the terminal break."""
    for number, argument in enumerate(arguments, start=1):
        if not argument.isascii() and argument.encode("utf-8", "ignore").decode() != argument:
            raise ConfigError(
                f"Word {number} of the command is not text in UTF-8.",
                where="enlist",
                do="Type it, or save it as UTF-8.",
            )


def _usage(output: Output, error: TyperException) -> int:
    """An option or argument that the command does not have, or can't use."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "enlist"
    message = error.format_message()
    if not message:  # a bare `enlist` shows the help
        return 0
    return output.fail(EnlistError(message, where=command, do=f"See {command} --help."))


def _of_system(error: OSError) -> EnlistError:
    do = "See whether it is there, is yours to read and write, and has room left."
    return EnlistError(f"{error.strerror or error}.", where=str(error.filename or "this machine"), do=do)


def _unforeseen(error: Exception) -> EnlistError:
    """A defect of ours: named, not hidden, without the values that a traceback would print."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
    return EnlistError(
        f"something unforeseen went wrong ({type(error).__name__}).", where=place, do="Please report it with this line."
    )
