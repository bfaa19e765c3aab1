"""A copy of an earlier release whose output is gone: it is named, and its sum goes when it goes."""

from __future__ import annotations

from pathlib import Path

from tests.releasing.test_release import A, B, check_sums, release


def test_an_output_that_was_removed_keeps_its_copy_which_is_named_until_it_is_removed_too(folder: Path) -> None:
    assert "other file" not in release(folder).stdout
    (folder / "out" / B).unlink()
    named = release(folder)
    assert (
        named.exit_code == 0
        and f"1 other file in {folder / 'given'}, which {folder / 'out'} does not have: {B} (" in named.stdout
    )
    assert check_sums(folder) == [A, B]
    (folder / "given" / B).unlink()
    withdrawn = release(folder)
    assert f"{B}: it is no longer in {folder / 'given'}: its sum is removed" in withdrawn.stderr
    assert check_sums(folder) == [A] and "other file" not in withdrawn.stdout
