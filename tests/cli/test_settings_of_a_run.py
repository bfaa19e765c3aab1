"""What `run` sets for the function on this machine, beside the user's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from faceblur.cli import app, execute_job
from faceblur.detection.local_function.worker_handle import Worker


@pytest.mark.parametrize(
    ("options", "ahead"), [((), "1"), (("--no-verify",), None), (("--env", "VERIFIER_AHEAD=0"), "0")]
)
def test_the_second_detector_is_loaded_ahead_where_a_run_verifies(
    options: tuple[str, ...], ahead: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned: list[str | None] = []
    monkeypatch.setattr(Worker, "spawn", lambda self: spawned.append(self.config.env.get("VERIFIER_AHEAD")))
    monkeypatch.setattr(execute_job, "execute_job", lambda *_, **__: 0)
    ended = CliRunner().invoke(app.main, ["run", str(tmp_path), "-o", str(tmp_path / "out"), *options])
    assert ended.exit_code == 0, ended.output
    assert spawned and set(spawned) == {ahead}
