import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import PROJECT_DIR
from tools import check_samples as check
from tools.check_samples import build_dags, check_samples

SOUND = "name: {name}\ntitle: Tea\ncategories: [11, 22]\ndefault_preset: smoke\npresets: {{smoke: {{}}}}\n"


@pytest.fixture(autouse=True)
def _no_catalogue(monkeypatch, tmp_path):
    """Let no catalogue, names or fixes of this machine have a say."""
    (tmp_path / "fixes").mkdir()
    for name in ("CATALOGUE", "CATEGORY_NAMES", "WEIGHTS", "REPORTS"):
        monkeypatch.delenv(f"CDISCOUNT_{name}", raising=False)
    monkeypatch.setenv("CDISCOUNT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CDISCOUNT_LABEL_FIXES", str(tmp_path / "fixes"))


@pytest.fixture
def samples_dir(tmp_path):
    """Return a folder with one sound sample."""
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "tea.yaml").write_text(SOUND.format(name="tea"))
    return folder


@pytest.fixture
def _no_dags(monkeypatch):
    """Let what is read beside the DAGs speak alone: Airflow takes five seconds to build them."""
    monkeypatch.setattr(check, "build_dags", lambda _: [])


@pytest.mark.airflow
def test_the_projects_own_samples_are_right(capsys):
    assert check_samples(PROJECT_DIR / "include/samples") == 0


@pytest.mark.airflow
def test_every_wrong_sample_is_told_once_with_its_file(samples_dir, capsys):
    (samples_dir / "broken.yaml").write_text("name: [")
    (samples_dir / "odd.yaml").write_text("name: odd\ncolour: red\n")
    (samples_dir / "chairs.yml").write_text(SOUND.format(name="chairs"))
    (samples_dir / "._tea.yaml").write_bytes(b"\0\5\xff")
    assert check_samples(samples_dir) == 3
    told = capsys.readouterr().err
    assert [told.count(name) for name in ("broken.yaml", "odd.yaml", "chairs.yml", "._tea")] == [1, 1, 1, 0]
    assert "rename it to chairs.yaml" in told


@pytest.mark.airflow
def test_a_dag_that_airflow_refuses_is_wrong_though_its_yaml_is_right(samples_dir):
    (samples_dir / "new.yaml").mkdir()
    (sentence,) = build_dags(samples_dir)
    assert "new.yaml: cannot be read: it is a folder, expected a file" in sentence


@pytest.mark.usefixtures("_no_dags")
def test_names_of_a_level_are_compared_with_the_names_csv(samples_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CDISCOUNT_CATEGORY_NAMES", str(tmp_path / "names.csv"))
    header = "category_id,category_level1,category_level2,category_level3\n"
    (tmp_path / "names.csv").write_text(header + "11,A,MONTRES,X\n12,A,MONTRES,Y\n")
    watches = SOUND.format(name="watches").replace("[11, 22]", '["level2: MONTRE"]')
    (samples_dir / "watches.yaml").write_text(watches)
    assert check_samples(samples_dir) == 1
    told = capsys.readouterr().err
    assert "no category is called 'level2: MONTRE'; did you mean 'level2: MONTRES'?" in told
    assert "sample tea: the names CSV does not know the categories 22" in told


@pytest.mark.usefixtures("_no_dags")
def test_a_missing_or_wrong_split_file_is_told(samples_dir, capsys):
    for name, text in (("one", None), ("two", "product_id,split\n1,dev\n")):
        (samples_dir / f"{name}.yaml").write_text(SOUND.format(name=name) + f"split: {{file: {name}.csv}}\n")
        if text:
            (samples_dir / f"{name}.csv").write_text(text)
    assert check_samples(samples_dir) == 2
    told = capsys.readouterr().err
    assert "one.csv: no such file, though split.file of sample one names it" in told
    assert "two.csv: line 2 is '1', 'dev'" in told


@pytest.mark.usefixtures("_no_dags")
def test_fixes_that_no_run_reads_are_told(samples_dir, tmp_path, capsys):
    (tmp_path / "fixes" / "tee.csv").write_text("product_id,category_id,reason\n")
    assert check_samples(samples_dir) == 0
    assert "tee.csv: no sample is called 'tee', so no run reads these fixes" in capsys.readouterr().err


def test_a_wrong_setting_of_the_machine_is_an_error_of_its_own(samples_dir, monkeypatch):
    monkeypatch.setenv("CDISCOUNT_LABEL_FIXES", str(samples_dir / "nothing"))
    with pytest.raises(ConfigError, match="no such folder, though CDISCOUNT_LABEL_FIXES names it"):
        check_samples(samples_dir)
