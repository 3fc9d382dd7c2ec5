import numpy as np

from cdiscount_tasks.stages.seed_outcomes import SeedOutcome, diverged, keep_outcome, kept_outcome

OUTCOME = SeedOutcome(
    7, "complete", 3, 2, 0.8123456789012345, 0.5, 61.25, np.array([True, False]), np.array([True, True, False])
)


def same(one, other):
    return one[:-2] == other[:-2] and all(np.array_equal(one[at], other[at]) for at in (-2, -1))


def test_what_was_kept_is_read_again_to_the_last_digit(tmp_path):
    keep_outcome(tmp_path / "seed-01.npz", OUTCOME)
    found = kept_outcome(tmp_path / "seed-01.npz")
    assert same(found, OUTCOME)
    assert found.right_products.dtype == np.bool_


def test_a_training_that_diverged_is_kept_without_figures(tmp_path):
    keep_outcome(tmp_path / "seed-01.npz", diverged(7, 1.5))
    found = kept_outcome(tmp_path / "seed-01.npz")
    assert same(found, diverged(7, 1.5))
    assert (found.state, found.num_epochs, found.validation_loss, len(found.right_products)) == (
        "diverged", None, None, 0,
    )  # fmt: skip


def test_a_training_that_is_not_over_was_not_kept(tmp_path):
    assert kept_outcome(tmp_path / "seed-01.npz") is None


def test_what_is_damaged_counts_as_not_over_and_is_told(tmp_path, caplog):
    path = tmp_path / "seed-01.npz"
    keep_outcome(path, OUTCOME)
    whole = path.read_bytes()
    for damaged in (b"", whole[:200], b"no file of NumPy", whole.replace(b"c\0\0\0o", b"X\0\0\0o")):
        path.write_bytes(damaged)
        caplog.clear()
        assert kept_outcome(path) is None
        assert "this seed is trained again" in caplog.text
