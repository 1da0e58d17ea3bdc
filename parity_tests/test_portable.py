"""A part of `make portable`: other kernels are really taken, and what computes passes under them."""

import pytest

from parity_tests import floors, portable

SETTINGS = [setting for setting in portable.settings() if not portable.lacking(setting)]
FIRST, LAST = SETTINGS[0], SETTINGS[-1]
FEW = ["parity_tests/posts/test_document_a.py"]


@pytest.mark.slow
def test_the_settings_are_told_apart_by_the_kernels_in_use():
    first, last = (portable.kernels(setting).split(", ") for setting in (FIRST, LAST))
    assert (first[-1], last[-1]) == ("1", "2")
    held = LAST.variables.keys() - {"OMP_NUM_THREADS"}  # nothing, where no x86-64 is
    assert (first[2] != last[2]) == bool(held and portable.dispatched())
    assert (last[1] == "DEFAULT") == bool(held)
    if held and first[0] not in ("Nehalem", "unknown"):
        assert last[0] == "Nehalem"


@pytest.mark.parametrize("patterns", [portable.TESTS, floors.TESTED], ids=["portable", "floors"])
def test_every_pattern_has_a_file_and_no_file_comes_twice(patterns):
    files = [*portable.files(patterns)]
    assert len(files) == len(set(files))


def test_a_pattern_without_a_file_is_an_error():
    with pytest.raises(LookupError, match="test_nothing_of_the_kind"):
        next(portable.files(["nothing_of_the_kind"]))


def test_another_environment_does_not_reach_a_setting(monkeypatch):
    for name in portable.VARIABLES:
        monkeypatch.setenv(name, "another's")
    for setting in portable.settings():
        kept = {name: value for name, value in portable.environment(setting).items() if name in portable.VARIABLES}
        assert kept == setting.variables


@pytest.mark.slow
def test_what_computes_passes_under_the_kernels_that_differ_most(monkeypatch):
    monkeypatch.setattr(portable, "PARALLEL", [])
    assert portable.passes(LAST, FEW)


@pytest.mark.slow
def test_a_test_that_depends_on_a_kernel_is_seen_and_what_the_processor_lacks_is_left_out(
    tmp_path, monkeypatch, capsys
):
    """Three settings, none of them of a kernel: one that is as ever, one that the test fails under, one that cannot
    be had."""
    settings = [
        portable.Setting("usual", {"OMP_NUM_THREADS": "1"}),
        portable.Setting("other", {"OMP_NUM_THREADS": "2"}),
        portable.Setting("later", {"ATEN_CPU_CAPABILITY": "of later"}),
    ]
    monkeypatch.setattr(portable, "PARALLEL", [])
    monkeypatch.setattr(portable, "kernels", lambda setting: "")
    monkeypatch.setattr(portable, "settings", lambda: settings)
    monkeypatch.setitem(portable.ATEN, "of later", "A_FEATURE_OF_LATER")
    path = tmp_path / "test_threads.py"
    path.write_text("import os\ndef test(): assert os.environ['OMP_NUM_THREADS'] == '1'\n", "utf-8")
    assert portable.main([str(path)]) == 1
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("usual", "other", "later"))]
    assert [word in row for word, row in zip(("passed", "FAILED", "lacks A_FEATURE_OF_LATER"), rows, strict=True)] == [
        True
    ] * 3
    monkeypatch.setattr(portable, "settings", lambda: settings[::2])
    assert portable.main([str(path)]) == 0
