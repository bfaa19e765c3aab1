"""In which precision a CPU computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceblur_function.detectors.onnx_network import faster_precision


@pytest.mark.parametrize(
    ("vendor", "flags", "precision"),
    [
        ("GenuineIntel", "fpu avx512_bf16 amx_bf16 amx_tile", "bfloat16"),
        ("GenuineIntel", "fpu avx512f avx512_bf16 avx512_fp16", "float32"),  # AMX is hidden from many virtual machines
        ("AuthenticAMD", "fpu avx512f avx512_bf16", "bfloat16"),
        ("AuthenticAMD", "fpu avx2", "float32"),
        ("GenuineIntel", "fpu avx2", "float32"),
    ],
)
def test_bfloat16_where_it_is_faster(tmp_path: Path, vendor: str, flags: str, precision: str) -> None:
    core = f"processor\t: 0\nvendor_id\t: {vendor}\nbugs\t\t:\nflags\t\t: {flags}\n\n"
    (tmp_path / "cpuinfo").write_text(core * 2)
    assert faster_precision(tmp_path / "cpuinfo") == precision


@pytest.mark.parametrize("text", ["", "processor : 0\nFeatures : fp asimd bf16\n\n", "no lines of the usual kind"])
def test_float32_where_the_cpu_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert faster_precision(tmp_path / "cpuinfo") == "float32"
    assert faster_precision(tmp_path / "nothing") == "float32"
