import numpy as np

from cdiscount_tasks.learning.networks.knob_trials import Trial
from cdiscount_tasks.stages.trial_journal import JOURNAL, EndedTrial, TrialJournal

COMPLETE = EndedTrial(1, Trial({"learning_rate": 0.1234567890123}, "complete", 0.8, {1: 0.7, 2: 0.8}), 2, 0.5, 3.0)
PRUNED = EndedTrial(2, Trial({"learning_rate": 0.5}, "pruned", 0.4, {1: 0.4}), 1, None, 1.5)
RIGHT = np.array([True, False, True])


def test_what_was_kept_is_read_again(tmp_path):
    journal = TrialJournal(tmp_path / "search")
    journal.note_epoch("train", 1, 0.7)
    journal.note_epoch("train", 2, 0.8)
    journal.note_trial(COMPLETE, RIGHT)
    journal.note_trial(PRUNED, None)
    journal.note_epoch("train", 1, 0.3)

    again = TrialJournal(tmp_path / "search")
    assert again.ended == [COMPLETE, PRUNED]
    assert again.seconds == 4.5
    assert again.right(1).tolist() == RIGHT.tolist()
    assert (again.by_epoch("train"), again.by_epoch("head"), again.num_epochs) == ({1: 0.3}, {}, 1)


def test_an_epoch_that_is_learnt_again_after_a_kill_is_kept_once(tmp_path):
    TrialJournal(tmp_path).note_epoch("train", 1, 0.7)
    again = TrialJournal(tmp_path)
    again.note_epoch("train", 1, 0.7)
    again.note_epoch("train", 2, 0.8)
    assert len((tmp_path / JOURNAL).read_text().splitlines()) == 2


def test_a_line_that_a_kill_cut_short_does_not_count(tmp_path):
    TrialJournal(tmp_path).note_trial(COMPLETE, RIGHT)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"kind": "tri')
    again = TrialJournal(tmp_path)
    again.note_trial(PRUNED, None)
    assert TrialJournal(tmp_path).ended == [COMPLETE, PRUNED]


def test_a_damaged_journal_begins_anew_and_says_so(tmp_path, caplog):
    folder = tmp_path / "search"
    TrialJournal(folder).note_trial(COMPLETE, RIGHT)
    (folder / JOURNAL).write_text((folder / JOURNAL).read_text().replace("0.8", "0.9"))
    assert TrialJournal(folder).ended == []
    assert "the search begins anew" in caplog.text
    assert not (folder / JOURNAL).exists()
