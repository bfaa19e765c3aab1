"""`faceblur` itself, to which the modules of this package add their commands."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="faceblur", prog_name="faceblur")
def main() -> None:
    """Mask the faces in videos and images, by a Nuclio function on a GPU or on this machine."""
