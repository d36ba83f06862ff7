from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def card(runners: int = 5) -> dict[str, Any]:
    return {
        "course": "Ashmoor",
        "distance_m": 1200,
        "going": "good",
        "race_class": 4,
        "runners": [
            {
                "name": f"Horse {index}",
                "age": 4,
                "weight_kg": 58.5,
                "draw": index + 1,
                "jockey": "N. Obody",
                "trainer": "Nobody Known",
                "form": f"{index + 1}-2-3",
            }
            for index in range(runners)
        ],
    }


def post(client: FlaskClient, body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/api/predict", json=body)
    return answer.status_code, answer.get_json()


def bad_fields(client: FlaskClient, body: Any) -> dict[str, str]:
    status, answer = post(client, body)
    assert status == 400, answer
    return {field["field"]: field["message"] for field in answer["fields"]}


def test_a_card_is_forecast_and_stored(client: FlaskClient) -> None:
    status, answer = post(client, card(9))
    assert status == 201
    assert answer["places"] == 3
    assert sum(runner["win"] for runner in answer["runners"]) == pytest.approx(1, abs=1e-4)
    assert sum(runner["place"] for runner in answer["runners"]) == pytest.approx(3, abs=1e-4)
    # Equal but for their last-but-two run: better form must mean a better chance.
    wins = [runner["win"] for runner in answer["runners"]]
    assert len(set(wins)) > 1
    assert client.get(f"/api/predictions/{answer['id']}").get_json() == answer


def test_every_bad_field_is_named(client: FlaskClient) -> None:
    body = card(5)
    body |= {"going": "goood", "distance_m": True, "race_class": 9, "corse": "x"}
    body["course"] = "Ashmore"
    body["runners"][0]["age"] = "four"
    body["runners"][1]["draw"] = 1
    body["runners"][2]["weight_kg"] = -3
    body["runners"][3]["form"] = "1-x"
    body["runners"][4]["jokey"] = body["runners"][4].pop("jockey")
    body["runners"][4]["rating"] = float("nan")
    fields = bad_fields(client, body)
    assert set(fields) == {
        "going", "distance_m", "race_class", "corse", "course", "runners[0].age",
        "runners[1].draw", "runners[2].weight_kg", "runners[3].form", "runners[4].jokey",
        "runners[4].jockey", "runners[4].rating",
    }  # fmt: skip
    assert "'jockey'" in fields["runners[4].jokey"]
    assert "'Ashmoor'" in fields["course"]
    assert "'course'" in fields["corse"]


def test_detailed_runs(client: FlaskClient) -> None:
    body = card(3)
    run = {"days_ago": 20, "position": 1, "field_size": 9, "distance_m": 1200, "going": "soft"}
    body["runners"][0]["runs"] = [run, run | {"days_ago": 44, "figure": 71.5}]
    assert post(client, body)[0] == 201
    body["runners"][0]["runs"] = [run | {"position": 12, "going": "wet"}, 7]
    assert set(bad_fields(client, body)) == {
        "runners[0].runs[0].position", "runners[0].runs[0].going", "runners[0].runs[1]",
    }  # fmt: skip


@pytest.mark.parametrize("value", [float("inf"), -1, 1e300, 10**400, True, "58", None, [], {}])
def test_bad_weights(client: FlaskClient, value: Any) -> None:
    body = card(3)
    body["runners"][2]["weight_kg"] = value
    assert set(bad_fields(client, body)) == {"runners[2].weight_kg"}


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "\ud800", "x" * 61, 7, None])
def test_bad_names(client: FlaskClient, name: Any) -> None:
    body = card(3)
    body["runners"][1]["name"] = name
    assert set(bad_fields(client, body)) == {"runners[1].name"}


@pytest.mark.parametrize("count", [0, 1, 25])
def test_number_of_runners(client: FlaskClient, count: int) -> None:
    assert "runners" in bad_fields(client, card(count))


def test_bodies_that_are_not_cards(client: FlaskClient) -> None:
    for body in ([], "x", 3):
        assert post(client, body)[0] == 400
    as_json = {"content_type": "application/json"}
    assert client.post("/api/predict", data=b"null", **as_json).status_code == 400
    assert client.post("/api/predict", data=b"{", **as_json).status_code == 400
    assert client.post("/api/predict", data=b"\xff\xfe", **as_json).status_code == 400
    assert client.post("/api/predict", data=b"[" * 60_000, **as_json).status_code == 400
    assert client.post("/api/predict", data=b"{}").status_code == 415
    large = client.post("/api/predict", data=b" " * 70_000, **as_json)
    assert large.status_code == 413 and "error" in large.get_json()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_fuzz_one_field(client: FlaskClient, data: st.DataObject) -> None:
    body = copy.deepcopy(card(4))
    where = data.draw(st.sampled_from([*body, "runner", *body["runners"][0], "rating", "runs"]))
    junk = data.draw(JUNK)
    if where == "runner":
        body["runners"][1] = junk
    elif where in body:
        body[where] = junk
    else:
        body["runners"][1][where] = junk
    answer = client.post("/api/predict", data=json.dumps(body), content_type="application/json")
    assert answer.status_code in (201, 400)
    if answer.status_code == 400:
        prefix = where if where in body else "runners[1]"
        assert answer.get_json()["fields"]
        assert all(field["field"].startswith(prefix) for field in answer.get_json()["fields"])


def test_lists(client: FlaskClient) -> None:
    everything = client.get("/api/races?limit=100").get_json()
    assert everything["total"] == len(everything["races"]) == 72
    upcoming = client.get("/api/races?status=upcoming").get_json()
    assert upcoming["total"] == 12
    day = upcoming["races"][0]["date"]
    assert client.get(f"/api/races?date={day}&status=finished").get_json()["total"] == 0
    page = client.get("/api/races?limit=5&offset=70").get_json()
    assert len(page["races"]) == 2
    answer = client.get("/api/races?limit=0&offset=-1&date=tomorrow&status=x&limt=3")
    assert answer.status_code == 400
    names = {field["field"] for field in answer.get_json()["fields"]}
    assert names == {"limit", "offset", "date", "status", "limt"}


def test_race_and_prediction(client: FlaskClient) -> None:
    race_id = client.get("/api/races?status=upcoming").get_json()["races"][0]["id"]
    race = client.get(f"/api/races/{race_id}").get_json()
    assert len(race["runners"]) == race["runner_count"]
    first = client.get(f"/api/races/{race_id}/prediction").get_json()
    assert sum(runner["win"] for runner in first["runners"]) == pytest.approx(1, abs=1e-4)
    assert client.get(f"/api/races/{race_id}/prediction").get_json() == first
    for path in ("races/999999", "races/99999999999999999999", "races/9999/prediction", "nothing"):
        answer = client.get(f"/api/{path}")
        assert answer.status_code == 404 and "error" in answer.get_json()
    assert client.get("/api/predict").status_code == 405


def test_health(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200 and answer.get_json() == {"status": "ok"}
