"""The option that names the ledger, and the ledger that is used without it."""

from __future__ import annotations

import click

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
