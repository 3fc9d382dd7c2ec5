from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdiscount_tasks.artifacts.locks import part_path
from tools.airflow.home import ToolError
from tools.fleet import accidents
from tools.fleet.history import Try

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def a_try(machine, began_s, ended_s):
    ended = None if ended_s is None else NOON + timedelta(seconds=ended_s)
    return Try("scan_range[0]", 1, "default", machine, "failed", NOON + timedelta(seconds=began_s), ended)


def test_a_part_folder_names_the_process_that_writes_it(tmp_path):
    import os

    assert accidents.builder_of(part_path(tmp_path / "part-0123456789abcdef")) == os.getpid()
    assert accidents.builder_of(Path("part-0123456789abcdef")) is None


def test_noticed_is_counted_from_the_kill_to_the_end_of_the_longest_try_on_the_machine():
    kill = accidents.Kill("worker-1", NOON, "scanning")
    tries = [a_try("worker-1", -5, 61), a_try("worker-1", -4, 68), a_try("worker-2", -5, 90), a_try("worker-1", -9, -1)]
    assert accidents.seconds_until_noticed(kill, tries) == 68


def test_a_kill_that_hit_no_task_is_refused():
    kill = accidents.Kill("worker-1", NOON, "scanning")
    with pytest.raises(ToolError, match="no task ran on worker-1 at 12:00:00"):
        accidents.seconds_until_noticed(kill, [a_try("worker-1", 1, 2), a_try("worker-1", -1, None)])


def test_the_epochs_of_a_try_are_read_from_its_log(tmp_path):
    log = tmp_path / "attempt=2.log"
    line = '{"event":"epoch %d of 8: train loss 1.2, accuracy 40.0 %%; validation (products) loss 1.3"}\n'
    log.write_text("".join(['{"event":"epoch 3, image 10 of 20: loss 1.1"}\n', line % 3, line % 4]))
    assert accidents.epochs_learnt(log) == [3, 4]
