"""A run spread over workers by Celery, on PostgreSQL and Redis, and what a fleet has to survive."""

import pytest

from tests.whole.fleet.conftest import NUM_BEFORE, NUM_EPOCHS
from tools.command import say
from tools.fleet import accidents

pytestmark = pytest.mark.fleet

ON_THE_GPU = {"extract_features", "train_model", "evaluate_model"}
NOTICED_S = 60 + 30
"""The heartbeat's limit of this fleet, the scheduler's look every 10 s, and what a busy machine adds."""


def learnt(ended, number):
    return accidents.epochs_learnt(ended.log_dir / "task_id=train_model" / f"attempt={number}.log")


def test_a_run_on_a_fleet_succeeds_with_each_task_tried_once(calm):
    ended, _ = calm
    assert ended.state == "success"
    assert [one for one in ended.tries if one.number != 1 or one.state != "success"] == []


def test_tasks_of_the_gpu_queue_run_on_its_worker_alone(calm):
    ended, _ = calm
    placed = {(one.task, one.queue, one.machine) for one in ended.tries if one.machine == "worker-gpu"}
    assert placed == {(task, "gpu", "worker-gpu") for task in ON_THE_GPU}
    assert {one.queue for one in ended.tries if one.task not in ON_THE_GPU} == {"default"}


def test_the_other_tasks_are_spread_over_both_default_workers(calm):
    ended, _ = calm
    assert {one.machine for one in ended.tries} == {"worker-1", "worker-2", "worker-gpu"}


def test_a_scan_whose_worker_was_killed_runs_again_on_the_other_one(killed):
    ended, _, in_scan, _ = killed
    first, second = ended.of("scan_range")
    assert (first.number, first.machine) == (1, in_scan.machine)
    assert (second.number, second.state) == (2, "success")
    assert second.machine in {"worker-1", "worker-2"} - {in_scan.machine}
    assert accidents.seconds_until_noticed(in_scan, ended.tries) < NOTICED_S


def test_a_training_whose_worker_was_killed_goes_on_at_its_checkpoint_on_another_machine(killed):
    ended, _, _, in_training = killed
    first, second = ended.of("train_model")
    assert (first.machine, second.machine) == ("worker-gpu", "worker-gpu-2")
    assert accidents.seconds_until_noticed(in_training, ended.tries) < NOTICED_S
    assert in_training.epochs >= NUM_BEFORE
    again = learnt(ended, 2)
    assert again == list(range(again[0], NUM_EPOCHS + 1))
    say(f"epochs over when it was killed: {in_training.epochs}; begun again with epoch {again[0]}")
    # A state is kept every two seconds at most, and an epoch of this small sample takes about one.
    assert in_training.epochs - (again[0] - 1) <= 3


def test_a_run_that_lost_two_workers_leaves_the_artifacts_of_an_undisturbed_one(calm, killed):
    assert killed[0].state == "success"
    assert killed[1] == calm[1]


def test_a_run_survives_its_broker_and_its_database(calm, shaken):
    ended, made, _ = shaken
    assert ended.state == "success"
    assert made == calm[1]


def test_no_worker_ends_with_its_database_and_services_that_do_are_started_again(shaken):
    assert {one.partition(" on ")[0] for one in shaken[2]} <= {"scheduler", "dag-processor", "triggerer"}


def test_two_schedulers_start_no_task_twice(shaken):
    ended, _, _ = shaken
    assert len({(one.task, one.number) for one in ended.tries}) == len(ended.tries)
    assert [(one.task, one.number) for one in ended.tries if one.number > 1] == []
