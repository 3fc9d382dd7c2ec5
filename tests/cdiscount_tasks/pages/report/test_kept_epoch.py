import pytest

from cdiscount_tasks.pages.report.kept_epoch import kept_epoch

SCRATCH, TUNED = ["train"] * 4, ["head", "head", "fine_tune", "fine_tune"]


@pytest.mark.parametrize(
    ("chosen_by", "best", "phases", "stopped", "which", "bias"),
    [
        (None, 2, SCRATCH, False, "which has the lowest validation loss", "a little too high"),
        ("accuracy", 2, SCRATCH, False, "mean validation accuracy of three epochs", "a little too high"),
        ("last", 4, SCRATCH, False, "the last one, as its knobs ask", "did not choose one"),
        ("last", 4, SCRATCH, True, "before it was stopped", "did not choose one"),
        ("last", 4, TUNED, False, "the last one, as its knobs ask", "whether tuning did any harm"),
        ("auto", 4, TUNED, False, "the last one, as its knobs ask", "whether tuning did any harm"),
        ("last", 1, TUNED, False, "tuning did worse on validation and was thrown away", "a little too high"),
        ("last", 2, ["head"] * 3, True, "which has the lowest validation loss", "a little too high"),
        (None, None, [], False, "which has the lowest validation loss", "a little too high"),
    ],
)
def test_why_an_epoch_was_kept_and_what_that_does_to_validation(chosen_by, best, phases, stopped, which, bias):
    training = {"chosen_epoch": chosen_by} if chosen_by else {}
    model = {"best_epoch": best} | ({"stopped": {"after_epoch": 3}} if stopped else {})
    found = kept_epoch({"model": model, "lineage": {"config": {"training": training}}}, phases)
    assert which in found.which and bias in found.bias
