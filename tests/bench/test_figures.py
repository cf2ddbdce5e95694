"""The benchmark's statistics, result files and tables."""

import dataclasses

import pytest

from bench.client.load import Load
from bench.client.requests import Person, Request
from bench.report import tables
from bench.report.measurement import Measurement, Spread, percentile
from bench.report.results import Results, load

CPU = {"web": 0.5, "postgres": 0.1, "redis": 0.02, "client": 0.2}


def measurement(per_second: float, *, cpu_ms: float = 1.0, p99_ms: float = 20.0) -> Measurement:
    return Measurement(
        requests=100,
        seconds=100 / per_second,
        per_second=per_second,
        p50_ms=10.0,
        p99_ms=p99_ms,
        cpu_ms=dict.fromkeys(CPU, cpu_ms),
        statuses={"201": 99, "429": 1},
    )


def run(*rounds: dict[str, Measurement]) -> Results:
    return Results(machine={"commit": "abc"}, size={}, rounds=list(rounds), memory_per_worker=[2**20])


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, 0.0),
        ([7.0], 99, 7.0),
        ([3, 1, 2, 4], 50, 2),
        (range(1, 101), 99, 99),
        (range(1, 102), 99, 100),
    ],
)
def test_percentile_uses_the_nearest_rank(values, percent, expected):
    assert percentile(values, percent) == expected


def test_spread_has_median_and_range():
    assert Spread.of([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)


def test_measurement_is_per_request_and_in_milliseconds():
    answers = Load(seconds=2.0)
    for seconds in (0.1, 0.2, 0.3, 0.4):
        answers.note(201, seconds)
    assert Measurement.of(answers, CPU) == Measurement(
        requests=4,
        seconds=2.0,
        per_second=2.0,
        p50_ms=200.0,
        p99_ms=400.0,
        cpu_ms={"web": 125.0, "postgres": 25.0, "redis": 5.0, "client": 50.0},
        statuses={"201": 4},
    )


def test_measurement_without_answers_has_rate_zero():
    assert Measurement.of(Load(), CPU).per_second == 0.0


def test_ratio_to_hello_is_the_median_of_the_rounds_ratios():
    results = run(
        {"hello": measurement(1000), "stats": measurement(100)},
        {"hello": measurement(2000), "stats": measurement(600)},
        {"hello": measurement(100), "stats": measurement(50)},
    )
    assert results.of_hello("stats") == pytest.approx(0.3)


def test_cpu_is_the_mean_over_all_requests():
    many = dataclasses.replace(measurement(100, cpu_ms=1.0), requests=300)
    results = run({"stats": many}, {"stats": measurement(100, cpu_ms=5.0)})
    assert results.cpu_ms("stats", ["web", "redis"]) == pytest.approx(2 * 2.0)


def test_results_survive_saving_and_loading(tmp_path):
    results = dataclasses.replace(run({"hello": measurement(1000)}), logged={"redis_away": 2})
    results.save(tmp_path / "deep" / "run.json")
    assert load(tmp_path / "deep" / "run.json") == results


def test_table_shows_median_range_and_busy_answers():
    results = run({"burst": measurement(100, p99_ms=30)}, {"burst": measurement(300, p99_ms=50)})
    results.counted["burst"] = {"queries": 2.0, "postgres_trips": 5.0, "redis_trips": 3.0}
    lines = tables.all_tables(results).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[2:-1]] for line in lines if "hall at once" in line]
    assert cells == [
        ["200", "100–300", "0.000", "1.000", "1.000", "1.000", "2", "5", "3"],
        ["200", "10", "40", "30–50", "0.67", "2 × 429"],
    ]


def test_comparison_shows_ratios_of_scenarios_in_both_runs():
    before = run({"hello": measurement(1000), "stats": measurement(100), "join": measurement(1)})
    after = run({"hello": measurement(1000), "stats": measurement(200, cpu_ms=0.5, p99_ms=10)})
    lines = [line for line in tables.comparison(before, after).splitlines() if "stats of one" in line]
    assert [[cell.strip() for cell in line.split("|")[2:-1]] for line in lines] == [
        ["0.100", "0.200", "2.00", "3.000", "1.500", "0.50", "20.0", "10.0", "0.50"]
    ]
    assert "join" not in tables.comparison(before, after)


def test_page_changes_only_between_its_markers(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    for text in ("new", "newer"):
        tables.into_page(page, text)
    assert page.read_text() == f"before\n{tables.BEGIN}\nnewer\n{tables.END}\nafter\n"


def test_page_without_markers_is_refused_and_unchanged(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("mine")
    with pytest.raises(ValueError, match="lacks the lines"):
        tables.into_page(page, "new")
    assert page.read_text() == "mine"


def test_request_is_the_same_as_bytes_and_as_environ():
    person = Person("secret", 7, "sessionid=a; csrftoken=b", "b")
    request = person.by_page("POST", "/api/v1/mark/?x=1", b'{"token": "T"}', etag='"e"')
    assert request.raw() == (
        b"POST /api/v1/mark/?x=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
        b"Cookie: sessionid=a; csrftoken=b\r\nX-Rollcall-User: 7\r\nContent-Type: application/json\r\n"
        b'X-CSRFToken: b\r\nOrigin: http://127.0.0.1\r\nIf-None-Match: "e"\r\nContent-Length: 14\r\n\r\n'
        b'{"token": "T"}'
    )
    environ = request.environ()
    assert environ["wsgi.input"].read() == b'{"token": "T"}'
    wanted = {
        "PATH_INFO": "/api/v1/mark/",
        "QUERY_STRING": "x=1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "14",
        "HTTP_X_CSRFTOKEN": "b",
        "HTTP_IF_NONE_MATCH": '"e"',
        "HTTP_COOKIE": "sessionid=a; csrftoken=b",
    }
    assert environ.items() >= wanted.items()


def test_request_by_token_sends_the_token():
    assert b"\r\nAuthorization: Token secret\r\n" in Person("secret", 7).by_token("GET", "/").raw()
    assert Request("GET", "/").raw() == b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
