import pytest

from tools.airflow.home import ToolError
from tools.compare_runs import compare_runs


@pytest.mark.parametrize("runs", ["", "one", "one two three"])
def test_anything_but_two_runs_is_refused_with_an_example(monkeypatch, runs):
    monkeypatch.setenv("SAMPLE", "wine")
    monkeypatch.setenv("RUNS", runs)
    with pytest.raises(ToolError, match=r"RUNS names \d runs, expected .*make compare-runs SAMPLE=wine"):
        compare_runs()
