"""Several options as one: of the command line, and of the commands that they reach as one object."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from faceblur.base.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., None])


def stacked(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def grouped(name: str, build: Callable[..., Any], *options: Any) -> Callable[[Command], Command]:
    """Several options as one decorator; their values reach the command as one argument `name`, built of them."""

    def decorate(command: Command) -> Command:
        before = len(getattr(command, "__click_params__", []))
        command = stacked(*options)(command)
        params: list[click.Parameter] = command.__click_params__[before:]  # type: ignore[attr-defined]
        names = [str(param.name) for param in params]

        @functools.wraps(command)
        def call(**values: Any) -> None:
            try:
                built = build(**{one: values.pop(one) for one in names})
            except UsageError as error:  # of options that do not go together: it begins with the name of one
                name_of_one, colon, rest = str(error).partition(": ")
                option = {str(param.name): param.opts[0] for param in params}.get(name_of_one, name_of_one)
                raise click.UsageError(option + colon + rest) from error
            command(**values, **{name: built})

        return call  # type: ignore[return-value]

    return decorate
