"""How regions by hand are written, and when they count."""

from __future__ import annotations

import dataclasses
import json

import pytest

from faceblur.base.errors import UsageError
from faceblur.base.options import Options
from faceblur.base.regions import MAX_REGIONS, TimedRegion, read_regions
from faceblur.redaction.sidecar_format import SettingsUsed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0,0,320,80", "0,0,320,80"),
        (" 0, 0, 320.50, 80 @ 12.50-20 ", "0,0,320.5,80@12.5-20"),
        ("-5,-0.25,1,2@0-0.000001", "-5,-0.25,1,2@0-0.000001"),
    ],
)
def test_regions_have_one_spelling(text: str, shown: str) -> None:
    assert str(TimedRegion.parse(text)) == shown
    assert TimedRegion.parse(shown) == TimedRegion.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no region"),
        ("1,2,3", "is no region"),
        ("1,2,3,4,5", "is no region"),
        ("1,2,3,x", "is no region"),
        ("nan,2,3,4", "is no region"),
        ("1,2,1e3,4", "is no region"),
        ("1,2,3,9999999", "is no region"),
        ("3,2,1,4", "x1 < x2"),
        ("1,4,3,4", "x1 < x2"),
        ("1,2,3,4@", "is no region"),
        ("1,2,3,4@5", "is no region"),
        ("1,2,3,4@-5-6", "is no region"),
        ("1,2,3,4@6-5", "before it begins"),
        ("1,2,3,4@5-5", "before it begins"),
        ("٣,2,5,4", "is no region"),
        ("x" * 10_000, "is no region"),
    ],
)
@pytest.mark.parametrize("name", ["cover", "spare"])
def test_what_is_no_region_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Options(**{name: (text,)})
    assert str(caught.value).startswith(f"{name}: ") and len(str(caught.value)) < 250


@pytest.mark.parametrize("wrong", ["1,2,3,4", (1, 2, 3, 4), ("1,2,3,4",) * (MAX_REGIONS + 1), None, 5])
def test_what_is_no_list_of_regions_is_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match="cover: "):
        Options(cover=wrong)  # type: ignore[arg-type]


def test_options_survive_the_ledger_and_tell_settings_apart() -> None:
    options = Options(cover=("0,0,10.0,10",), spare=("1,1,5,5@1-2",))
    assert options.cover == ("0,0,10,10",)
    assert Options(**json.loads(json.dumps(dataclasses.asdict(options)))) == options
    assert SettingsUsed.of(options) != SettingsUsed.of(Options()) != SettingsUsed.of(Options(spare=options.spare))
    assert SettingsUsed.of(Options()).cover is None


def test_a_frame_that_shows_a_part_of_the_time_is_covered_and_only_one_that_shows_no_other_is_spared() -> None:
    region = TimedRegion.parse("0,0,9,9@1-2")
    frames = [(0.9, 1.0), (0.9, 1.1), (0.5, 3.0), (1.0, 2.0), (1.9, 2.1), (2.0, 2.1)]
    assert [region.is_shown_in(*one) for one in frames] == [False, True, True, True, True, False]
    assert [region.is_all_of(*one) for one in frames] == [False, False, False, True, False, False]
    always = TimedRegion.parse("0,0,9,9")
    assert always.is_shown_in(5, 6) and always.is_all_of(5, 6)


def test_a_file_has_one_region_a_line() -> None:
    text = "# camera 3\ncover 0,0,10,10\n\n  spare   1,1,2,2@3-4 # the manager\ncover\t5, 5, 6, 6\n"
    assert read_regions(text) == (("0,0,10,10", "5,5,6,6"), ("1,1,2,2@3-4",))
    for wrong in (
        "hide 0,0,1,1",
        "0,0,1,1",
        "cover",
        "cover 1,2,3",
        "cover 0,0,1,1 spare 0,0,1,1",
        "cover 0,0,3 20,80",
    ):
        with pytest.raises(ValueError, match="line 2: "):
            read_regions(f"\n{wrong}")
    for empty in ("", "# cover 0,0,1,1\n"):  # what was to be covered would stay clear
        with pytest.raises(ValueError, match="no region in it"):
            read_regions(empty)
