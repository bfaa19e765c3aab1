"""Options: values out of range are refused, and the command line takes the same values and defaults."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import click
import pytest

from faceblur.base.errors import UsageError
from faceblur.base.options import CHOICES, INTEGERS, OPTIONAL, RANGES, Changes, Options
from faceblur.cli.app import main
from faceblur_function import defaults


def option(command: str, name: str) -> click.Parameter:
    return next(one for one in main.commands[command].params if one.name == name)


def accepts(parameter: click.Parameter, value: object) -> bool:
    """Whether the command line takes a value."""
    try:
        parameter.type.convert(str(value), parameter, None)
    except click.BadParameter:
        return False
    return True


@pytest.mark.parametrize("name", RANGES)
def test_ends_of_a_range_are_in_it_and_what_lies_beyond_is_refused(name: str) -> None:
    low, high = RANGES[name]
    step = 1 if name in INTEGERS else 0.01
    for value in (low, high):
        assert getattr(Options(**{name: value}), name) == value
    for value in (low - step, high + step):
        with pytest.raises(UsageError, match=f"^{name}: .* is not in the range {low:g} to {high:g}$"):
            Options(**{name: value})


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", [1]], ids=repr)
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"^{name}: an? (number|integer) is needed, not "):
        Options(**{name: value})


@pytest.mark.parametrize("name", RANGES)
def test_an_integer_beyond_all_floats_is_out_of_its_range(name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name}: 10+ is not in the range") as raised:
        Options(**{name: 10**400})
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize("name", CHOICES)
def test_the_message_for_a_long_choice_is_short(name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name}: 'x+ is none of") as raised:
        Options(**{name: "x" * 100_000})
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("name", ["detect_every", "batch_size", "crf"])
def test_numbers_of_frames_and_quality_are_integers(name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name}: an integer is needed, not 2.5$"):
        Options(**{name: 2.5})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*RANGES, *CHOICES])
def test_none_is_taken_where_it_is_the_default(name: str) -> None:
    defaults_to_none = getattr(Options(), name) is None
    assert (name in OPTIONAL) == defaults_to_none
    if defaults_to_none:
        assert getattr(Options(**{name: None}), name) is None
    else:
        with pytest.raises(UsageError, match=f"^{name}: .*None"):
            Options(**{name: None})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CHOICES)
def test_only_listed_choices_are_taken(name: str) -> None:
    for choice in CHOICES[name]:
        assert getattr(Options(**{name: choice}), name) == choice  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"^{name}: 'emoji' is none of {', '.join(CHOICES[name])}$"):
        Options(**{name: "emoji"})  # type: ignore[arg-type]


def test_options_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().threshold = 2  # type: ignore[misc]
    with pytest.raises(UsageError):
        dataclasses.replace(Options(), threshold=2)


@pytest.mark.parametrize("command", ["run", "image", "render", "evaluate"])
def test_the_command_line_takes_the_same_values(command: str) -> None:
    names = {one.name for one in main.commands[command].params}
    for name, (low, high) in RANGES.items():
        if name in names:
            for value in (low, high):
                assert accepts(option(command, name), value), (name, value)
            for value in (low - 1, high + 1, math.nan):
                assert not accepts(option(command, name), value), (name, value)
    for name, choices in CHOICES.items():
        if name in names:
            kind = option(command, name).type
            assert isinstance(kind, click.Choice) and tuple(kind.choices) == choices


def test_every_range_and_choice_is_an_option_of_a_run() -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    assert {*RANGES, *CHOICES} <= fields <= {one.name for one in main.commands["run"].params}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Options)])
def test_the_command_line_has_the_same_defaults(name: str) -> None:
    context = main.commands["run"].make_context("run", ["in", "-o", "out"])
    assert context.params[name] == getattr(Options(), name)


def test_defaults_that_the_function_shares() -> None:
    options = Options()
    assert (options.threshold, options.padding, options.style) == (
        defaults.THRESHOLD,
        defaults.PADDING,
        defaults.STYLE,
    )


def test_batches_are_no_larger_than_a_request_may_be() -> None:
    assert RANGES["batch_size"] == (1, defaults.MAX_FRAMES)


@pytest.mark.parametrize("wrong", [7, "7", (1.5,), (True,), ("7",)])
def test_tracks_to_spare_are_integers(wrong: Any) -> None:
    assert Changes(spare_tracks=(7, 8)).spare_tracks == (7, 8)
    with pytest.raises(UsageError, match="spare_tracks: numbers of tracks are needed"):
        Changes(spare_tracks=wrong)
