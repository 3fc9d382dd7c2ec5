import base64

import pytest

from tools.airflow.home import ToolError
from tools.deploy.kubernetes_secret import secret

ADDRESS = "postgresql+psycopg2://airflow:pw@db/airflow"


def test_it_has_the_keys_that_the_chart_reads_and_a_password():
    made = secret({"DATABASE": ADDRESS})["stringData"]
    assert made.keys() == {"connection", "fernet-key", "api-secret-key", "jwt-secret", "admin-password"}
    assert made["connection"] == ADDRESS
    assert len(base64.urlsafe_b64decode(made["fernet-key"])) == 32
    assert all(len(value) >= 43 for name, value in made.items())


def test_it_is_drawn_each_time():
    one, two = (secret({"DATABASE": ADDRESS})["stringData"] for _ in range(2))
    assert set(one.values()) & set(two.values()) == {ADDRESS}


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, "is missing"),
        ({"DATABASE": "postgresql://a:secret@db/airflow"}, "begins with postgresql://"),
        ({"DATABASE": "sqlite:///airflow.db"}, "begins with sqlite://"),
    ],
)
def test_another_driver_is_refused_without_showing_the_password(environ, found):
    with pytest.raises(ToolError, match=found) as told:
        secret(environ)
    assert "secret@" not in str(told.value)
