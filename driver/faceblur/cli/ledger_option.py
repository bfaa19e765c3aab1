"""The options that the ledger's commands share: its address, numbers of jobs, and priorities."""

from __future__ import annotations

import click

# What PostgreSQL's columns hold: https://www.postgresql.org/docs/current/datatype-numeric.html
JOB_ID = click.IntRange(1, 2**63 - 1)
PRIORITY = click.IntRange(-(2**31), 2**31 - 1)
LEDGER = click.option(
    "--ledger",
    metavar="URL",
    envvar="FACEBLUR_LEDGER",
    help="The ledger: a file, for workers on this machine, or postgresql://USER@HOST/NAME.  "
    "[default: $FACEBLUR_LEDGER, or a file of this user's]",
)


def ledger_address(ledger: str | None) -> str:
    """The ledger's address, from the option's value."""
    from faceblur.ledger.database import default_url

    return ledger or default_url()
