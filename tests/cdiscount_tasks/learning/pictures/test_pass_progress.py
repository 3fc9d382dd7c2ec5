import logging

from cdiscount_tasks.learning.pictures import pass_progress


def test_how_far_a_pass_is_and_what_is_left_is_logged_every_minute(monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr(pass_progress.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.INFO)
    progress = pass_progress.PassProgress(4000)
    for now[0] in (130.0, 161.0, 200.0, 222.0):
        progress.add(610)
    assert caplog.messages == [
        "1,220 of 4,000 pictures, 20 pictures/s, 139 s left", "2,440 of 4,000 pictures, 20 pictures/s, 78 s left"
    ]  # fmt: skip
