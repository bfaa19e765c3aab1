"""The templates of the audit's pages, which need no network: what they show is escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def rendered(name: str, **values: object) -> bytes:
    """The page of a template with its values, in UTF-8; what of a name is no UTF-8 becomes a question mark."""
    environment = Environment(
        loader=PackageLoader("faceblur.auditing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(values).encode("utf-8", "replace")
