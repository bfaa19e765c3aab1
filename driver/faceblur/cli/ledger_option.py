"""The options that the ledger's commands share: its address, numbers of jobs, and priorities."""

from __future__ import annotations

from typing import Any

import click


class JobNumber(click.IntRange):
    """The number of a job."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not str(value).isdecimal():
            self.fail(f"{value!r} is no number of a job: `faceblur jobs` lists them", param, ctx)
        return int(super().convert(value, param, ctx))


# What PostgreSQL's columns hold: https://www.postgresql.org/docs/current/datatype-numeric.html
JOB_ID = JobNumber(1, 2**63 - 1)
PRIORITY = click.IntRange(-(2**31), 2**31 - 1)
HELP = (
    "The ledger: a file, for workers on this machine, or postgresql://USER@HOST/NAME.  "
    "[default: $FACEBLUR_LEDGER, or a file of this user's]"
)
LEDGER = click.option("--ledger", metavar="URL", envvar="FACEBLUR_LEDGER", help=HELP)


def _given_here_or_before(context: click.Context, _: click.Parameter, ledger: str | None) -> str:
    return ledger_address(ledger) if ledger else str(context.obj)


# Of a subcommand, whose group has the option too and leaves the address in the context: that counts unless it is given
# again. Without the variable, which would win over what is given before the subcommand.
LEDGER_OF_SUBCOMMAND = click.option("--ledger", metavar="URL", callback=_given_here_or_before, help=HELP)


def ledger_address(ledger: str | None) -> str:
    """The ledger's address, from the option's value."""
    from faceblur.ledger.database import default_url

    return ledger or default_url()
