from pathlib import PurePosixPath

from cdiscount_tasks.runs.needed import References


def test_a_path_that_leads_out_of_the_root_keeps_nothing_else():
    found = References()
    found.name(["../../etc", "/etc/passwd", "samples/wine/../wine/model"], "a run")
    assert found.why_kept(PurePosixPath("samples/wine/model-0123456789abcdef")) == ""
