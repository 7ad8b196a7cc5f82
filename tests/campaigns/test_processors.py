"""Other processors are tried by their own command, and nowhere else."""

from __future__ import annotations

from grader.course.layout import ROOT
from tests.campaigns.processors import SETTINGS, kernels


def test_a_setting_has_the_libraries_take_other_kernels() -> None:
    assert kernels(SETTINGS["torch default"]).startswith("torch default")
    assert kernels({"OPENBLAS_CORETYPE": "Nehalem"}).endswith("NumPy Nehalem")


def test_no_test_and_no_command_passes_only_with_the_kernels_of_one_processor() -> None:
    """None of these variables is set for good: not in CI, and not by what students run."""
    variables = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "OPENBLAS_CORETYPE")
    files = [ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / ".ci").iterdir()]
    files += [*(ROOT / ".github").rglob("*.yml"), *(ROOT / "grader").rglob("*.py")]
    files += (ROOT / "tests").rglob("*.py")
    naming = {path.name for path in files if any(name in path.read_text() for name in variables)}
    assert naming == {"processors.py", "test_processors.py"}
