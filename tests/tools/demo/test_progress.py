import json

from tools.demo import progress


class OneRun:
    """Answers as Airflow's API does, with the task states that are set."""

    def __init__(self):
        self.tasks = []

    def run(self, _dag_id, _run_id):
        return {"state": "running"}

    def task_instances(self, _dag_id, _run_id):
        return self.tasks


def task(task_id, state, **more):
    return {"task_id": task_id, "state": state, "map_index": -1, "start_date": None, "duration": None, **more}


def test_each_state_of_a_task_is_told_once():
    api, run, told = OneRun(), progress.RunWatch("cdiscount_tea", "demo", "tea"), []
    for state in (None, "queued", "running", "running", "success", "success"):
        api.tasks = [task("train_model", state, duration=2.0)]
        progress.tell_changes(api, run, 0.0, told.append)

    assert [line.split()[3] for line in told] == ["running", "success"]
    assert told[1].endswith("2.0 s")


def test_a_mapped_task_is_told_with_its_range():
    api, run, told = OneRun(), progress.RunWatch("cdiscount_tea", "demo", "tea"), []
    api.tasks = [task("scan_range", "success", map_index=0, rendered_map_index="0 to 10")]
    progress.tell_changes(api, run, 0.0, told.append)

    assert "scan_range [0 to 10]" in told[0]


def test_last_words_are_the_events_and_the_reasons(tmp_path):
    run = progress.RunWatch("cdiscount_tea", "demo", "tea")
    folder = tmp_path / "logs" / "dag_id=cdiscount_tea" / "run_id=demo" / "task_id=fix_labels"
    folder.mkdir(parents=True)
    reasons = [{"exc_type": "DataError", "exc_value": "mend it"}]
    lines = [{"event": "reading"}, {"event": "Task failed", "error_detail": reasons}]
    (folder / "attempt=2.log").write_text("\n".join(map(json.dumps, lines)))

    words = progress.last_words(tmp_path, run, task("fix_labels", "failed", try_number=2))

    assert words.splitlines()[-2:] == ["reading", "Task failed | DataError: mend it"]


def test_the_clock_shows_minutes_and_seconds():
    assert progress.clock(67.9) == "1:07"
