import pytest
from airflow.api_fastapi.common.types import UIAlert

from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tools.airflow.home_page.airflow_local_settings import DASHBOARD_UIALERTS, first_steps

SAMPLE = "name: {name}\ntitle: {title}\ncategories: all\ndefault_preset: a\npresets: {{a: {{}}}}\n"


def steps_with(tmp_path, monkeypatch, **samples):
    """Return what the home page says with these samples, each given by its title; None: its file is broken."""
    for name, title in samples.items():
        text = SAMPLE.format(name=name, title=title) if title else "name: ["
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("CDISCOUNT_SAMPLES", str(tmp_path))
    [alert] = [alert for alert in DASHBOARD_UIALERTS if isinstance(alert, UIAlert)]  # as Airflow asks for them
    assert alert.category == "info"
    return alert.text


def test_the_home_page_leads_to_a_sample_and_to_the_reports(tmp_path, monkeypatch):
    text = steps_with(tmp_path, monkeypatch, hats="Hats", wine="Wine")

    assert "1. Open [Cdiscount: Wine](dags/cdiscount_wine), press **Trigger**" in text
    assert "3. Read [Reports](plugin/evaluation-reports)" in text


@pytest.mark.parametrize(
    ("samples", "link"),
    [({"a": None, "hats": "Hats"}, "(dags/cdiscount_hats)"), ({"a": None}, "(dags)"), ({}, "(dags)")],
)
def test_a_sample_that_cannot_be_read_is_passed_over(tmp_path, monkeypatch, samples, link):
    assert link in steps_with(tmp_path, monkeypatch, **samples)


def test_a_wrong_setting_of_the_machine_is_told_first(monkeypatch):
    monkeypatch.setenv("CDISCOUNT_NOTIFY", "mail:x")
    [alert] = list(DASHBOARD_UIALERTS)

    assert alert.category == "error"
    assert "CDISCOUNT_NOTIFY has 'mail:x'" in alert.text


def test_only_the_demo_catalogue_is_called_drawn():
    assert DRAWN_WARNING in first_steps(read_environment({}))
    assert DRAWN_WARNING not in first_steps(read_environment({"CDISCOUNT_CATALOGUE": "/catalogues/train.bson"}))
