from datetime import UTC, datetime

from tools.fleet.history import table, tries

NOTED = {
    "task_id": "train_model", "map_index": -1, "try_number": 1, "queue": "gpu", "hostname": "worker-gpu",
    "state": "success", "start_date": "2026-01-05T10:00:10Z", "end_date": "2026-01-05T10:01:00.500000Z",
}  # fmt: skip


class Api:
    """Answers as Airflow does: the tasks of a run, and the tries of each."""

    def __init__(self, *noted):
        self.noted = noted

    def task_instances(self, *_):
        return list({(one["task_id"], one["map_index"]): one for one in self.noted}.values())

    def call(self, _, path):
        task, _, rest = path.partition("/taskInstances/")[2].partition("/")
        part = int(rest.partition("/")[0]) if rest != "tries" else -1
        return {"task_instances": [one for one in self.noted if (one["task_id"], one["map_index"]) == (task, part)]}


def test_all_tries_are_returned_in_the_order_in_which_they_began():
    scan = {**NOTED, "task_id": "scan_range", "map_index": 3, "queue": "default", "start_date": "2026-01-05T10:00:00Z"}
    again = {**scan, "try_number": 2, "start_date": "2026-01-05T10:00:30Z"}
    found = tries(Api(NOTED, scan, again), "cdiscount_wine", "run")
    assert [(one.task, one.number) for one in found] == [("scan_range[3]", 1), ("train_model", 1), ("scan_range[3]", 2)]
    assert found[1].started == datetime(2026, 1, 5, 10, 0, 10, tzinfo=UTC)
    assert found[1].seconds == 50.5


def test_a_task_that_never_began_comes_last_without_a_machine():
    never = {**NOTED, "task_id": "write_report", "hostname": None, "start_date": None, "end_date": None, "state": None}
    last = tries(Api(never, NOTED), "cdiscount_wine", "run")[-1]
    assert (last.task, last.machine, last.state, last.seconds) == ("write_report", "", "none", None)


def test_the_table_names_queue_and_machine():
    lines = table(tries(Api(NOTED), "cdiscount_wine", "run")).splitlines()
    assert lines[0] == "| task | try | queue | machine | state | seconds |"
    assert lines[2:] == ["| train_model | 1 | gpu | worker-gpu | success | 50.5 |"]
