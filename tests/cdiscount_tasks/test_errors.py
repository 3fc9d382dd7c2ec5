from cdiscount_tasks.errors import RunNotHereError

ERROR = RunNotHereError("/data/runs/r1/config.json", "resolve_run", "aa11", "/data on gpu-1")


def test_a_run_that_is_not_here_is_begun_anew_as_long_as_nobody_knows_where_it_began():
    assert str(ERROR) == "/data/runs/r1/config.json: the run has no frozen config; clear its task resolve_run first"


def test_in_another_data_root_both_are_named():
    said = ERROR.seen_from("bb22", "/mnt/data on web-1")
    assert "leads this machine to /data on gpu-1, which is the data root aa11, but" in said
    assert "froze its config in /mnt/data on web-1, the data root bb22: mount the same folder" in said


def test_a_folder_without_an_id_may_be_one_that_is_not_mounted():
    said = RunNotHereError("/data/config.json", "resolve_run", "", "/data on gpu-1").seen_from("bb22", "/data on web-1")
    assert "which is the data root without an id (empty, or not mounted), but" in said


def test_in_a_data_root_of_the_same_id_the_run_was_removed_or_the_root_is_a_copy():
    said = ERROR.seen_from("aa11", "/mnt/data on web-1")
    assert "was removed since its task resolve_run, or CDISCOUNT_DATA leads this machine to a copy" in said
    assert "(/data on gpu-1; the run began in /mnt/data on web-1)" in said
