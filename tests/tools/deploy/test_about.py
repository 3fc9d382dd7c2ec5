from tools.deploy.about import WRITTEN, main, package_lines, unwritable


def test_it_names_packages_that_are_there_alone():
    (line,) = package_lines(["apache-airflow", "a-package-of-nobody"])
    assert line.startswith("apache-airflow 3.")


def test_folders_that_can_be_written_are_well(tmp_path, capsys):
    for name in WRITTEN:
        (tmp_path / name).mkdir(parents=True)
    assert main(tmp_path) == 0
    assert "can write what a run writes" in capsys.readouterr().out


def test_a_folder_that_is_missing_or_a_file_is_named(tmp_path, capsys):
    (tmp_path / "data").touch()
    assert main(tmp_path) == 1
    assert f"{tmp_path / 'data'}: nothing can be written there by user" in capsys.readouterr().out
    assert len(unwritable([tmp_path, tmp_path / "nowhere"])) == 1
