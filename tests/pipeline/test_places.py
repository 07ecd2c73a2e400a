"""Where rows come from: addresses on the web, broken ones included, and what is told of them."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from pydl.pipeline import fetching
from pydl.pipeline.places import at_hand
from pydl.pipeline.table import read_table

PEOPLE = b"name,age\nAnn,31\nBob,45\nCid,28\n"
Answer = Callable[[BaseHTTPRequestHandler], None]


def sends(body: bytes, code: int = 200, length: int | None = -1, **headers: str) -> Answer:
    """An answer of some bytes; a length of -1 is the right one, None is not said."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        if length is not None:
            handler.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def chunked(*pieces: bytes, ends: bool = True) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n" * ends)

    return answer


class Web:
    """A server of this machine: what it answers to each path, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append((self.path, self.headers["Authorization"]))
                web.answers.get(self.path.partition("?")[0], sends(b"", 404))(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("no_proxy", "*")
    found = Web()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def read(url: str) -> pd.DataFrame:
    with at_hand(url) as (place,):
        return read_table(place)


def refused(url: str) -> str:
    with pytest.raises(ValueError) as error:
        read(url)
    assert "\n" not in str(error.value)
    return str(error.value)


def parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


FRAME = pd.read_csv(io.BytesIO(PEOPLE))


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/people.csv", sends(PEOPLE)),
        ("/folder/people.csv.gz", sends(gzip.compress(PEOPLE))),
        ("/people.parquet", sends(parquet(FRAME))),
        ("/export", sends(PEOPLE, Content_Type="text/csv; charset=utf-8")),
        ("/rows", sends(b'{"name": "Ann", "age": 31}\n' * 3, Content_Type="application/json")),
        ("/rows.jsonl", sends(b'{"name": "Ann", "age": 31}\n' * 3, Content_Type="text/plain")),
        ("/named", sends(b'[{"name": "Ann", "age": 31}]' * 1, Content_Disposition='attachment; filename="a.json"')),
        ("/sent.csv", sends(gzip.compress(PEOPLE), Content_Encoding="gzip")),
        ("/sent.parquet", sends(gzip.compress(parquet(FRAME)), Content_Encoding="gzip")),
        ("/pieces.csv", chunked(PEOPLE[:7], PEOPLE[7:])),
        ("/with%20blank.csv", sends(PEOPLE)),
    ],
)
def test_files_of_the_web(web: Web, path: str, answer: Answer) -> None:
    web.answers[path] = answer
    frame = read(web.url + path)
    assert list(frame.columns) == ["name", "age"]
    assert frame["name"][0] == "Ann"
    assert frame["age"][0] == 31
    assert len(web.asked) == 1


def test_blanks_and_letters_of_other_scripts_in_an_address(web: Web) -> None:
    web.answers["/with%20%C3%A4.csv"] = sends(PEOPLE)
    assert len(read(f"{web.url}/with ä.csv")) == 3


def test_nothing_stays_behind(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    web.answers["/people.csv"] = sends(PEOPLE)
    with at_hand(f"{web.url}/people.csv") as (place,):
        assert len(read_table(place)) == len(read_table(place)) == 3
        assert str(place) == f"{web.url}/people.csv"
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (sends(PEOPLE, length=len(PEOPLE) + 9), "ended after 30 of 39 bytes"),
        (chunked(PEOPLE, ends=False), "ends early"),
        (sends(b"", 404), "answered 404 Not Found"),
        (sends(b"", 401), "answered 401 Unauthorized"),
        (sends(b"", 500), "answered 500 Internal Server Error"),
        (sends(PEOPLE, 206), "answered 206 Partial Content"),
        (sends(b""), "is empty"),
        (sends(b"\n<!DOCTYPE html><html><body>Sign in, please</body></html>"), "this is a web page"),
        (sends(PEOPLE, Content_Encoding="br"), "packed the file as 'br'"),
        (sends(gzip.compress(PEOPLE)[:-9], Content_Encoding="gzip"), "ends early"),
        (sends(PEOPLE, length=1 << 40), "more than"),
        (sends(b"", 302, Location="file:///etc/passwd"), "no address of http(s)"),
        (sends(b"", 302, Location="ftp://127.0.0.1/people.csv"), "no address of http(s)"),
        (sends(b"", 302, Location="/people.csv"), "round in a circle"),
    ],
)
def test_what_is_not_all_of_a_file(web: Web, answer: Answer, told: str) -> None:
    web.answers["/people.csv"] = answer
    message = refused(f"{web.url}/people.csv")
    assert told in message
    assert message.startswith(f"{web.url}/people.csv")


def test_more_than_the_most(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST", 1000)
    web.answers["/pieces.csv"] = chunked(PEOPLE, b"Dan,1\n" * 200)
    web.answers["/packed.csv"] = sends(gzip.compress(PEOPLE + b"Dan,1\n" * 200), Content_Encoding="gzip")
    web.answers["/few.csv"] = sends(PEOPLE)
    for path in ("pieces", "packed"):
        assert "the most that is fetched" in refused(f"{web.url}/{path}.csv")
    assert len(read(f"{web.url}/few.csv")) == 3


def test_a_server_that_is_silent(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_TIMEOUT", 0.2)
    end = threading.Event()
    web.answers["/late.csv"] = lambda handler: end.wait(10) and None
    assert "no answer within" in refused(f"{web.url}/late.csv")
    end.set()


def test_no_server(web: Web) -> None:
    assert "Connection refused" in refused("http://127.0.0.1:9/people.csv")


@pytest.mark.parametrize("url", ["ftp://host/a.csv", "s3://bucket/a.csv", "file:///etc/passwd", "http:///a.csv"])
def test_other_addresses(url: str) -> None:
    assert "expected" in refused(url)


def test_a_length_that_is_not_said_is_noticed(web: Web) -> None:
    web.answers["/people.csv"] = sends(PEOPLE, length=None)
    assert any("did not say how long" in note for note in read(f"{web.url}/people.csv").attrs["notes"])


def test_passwords_go_to_their_host_and_are_not_shown(web: Web) -> None:
    other = Web()
    thread = threading.Thread(target=other.server.serve_forever, args=(0.01,))
    thread.start()
    web.answers["/here.csv"] = sends(b"", 302, Location="/people.csv?x=1")
    web.answers["/there.csv"] = sends(b"", 302, Location=f"{other.url}/people.csv")
    web.answers["/people.csv"] = other.answers["/people.csv"] = sends(PEOPLE)
    try:
        for path in ("here", "there"):
            with at_hand(f"http://ann:pass%21@{web.host}/{path}.csv?api_key=abc&page=2#part") as (place,):
                assert len(read_table(place)) == 3
                assert str(place) == place.given == f"{web.url}/{path}.csv?api_key=***&page=2"
    finally:
        other.server.shutdown()
        thread.join()
        other.server.server_close()
    assert [path for path, _ in web.asked] == [
        "/here.csv?api_key=abc&page=2", "/people.csv?x=1", "/there.csv?api_key=abc&page=2",
    ]  # fmt: skip
    assert {secret for _, secret in web.asked} == {"Basic YW5uOnBhc3Mh"}
    assert other.asked == [("/people.csv", None)]


@pytest.mark.parametrize("path", ["gone.csv", "broken.csv", "http://[.csv"])
def test_errors_do_not_show_passwords(web: Web, path: str) -> None:
    web.answers["/broken.csv"] = sends(PEOPLE, length=9999)
    message = refused(f"http://ann:hush@{web.host}/{path}?token=hush&X-Amz-Signature=hush")
    assert "hush" not in message


def test_standard_input_is_read_once() -> None:
    with pytest.raises(ValueError, match="once only"), at_hand("-", "-"):
        pass


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """A table is looked into before it is read, for which it has to be there twice."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "a,b\n" + "1,2\n" * 50_000  # more than a pipe holds
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    with at_hand(str(pipe)) as (place,):
        assert str(place) == str(pipe)
        assert len(read_table(place)) == len(read_table(place)) == 50_000
    writer.join()
    assert not os.path.exists(place)
