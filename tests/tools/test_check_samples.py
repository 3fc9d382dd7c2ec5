from cdiscount_tasks.environment import PROJECT_DIR
from tools.check_samples import check_samples


def test_the_projects_own_samples_are_right(capsys):
    assert check_samples(PROJECT_DIR / "include/samples") == 0


def test_every_wrong_sample_is_told_with_its_file(tmp_path, capsys):
    (tmp_path / "broken.yaml").write_text("name: [")
    (tmp_path / "odd.yaml").write_text("name: odd\ncolour: red\n")
    assert check_samples(tmp_path) == 2
    told = capsys.readouterr().err
    assert "broken.yaml" in told
    assert "odd.yaml" in told
