"""The guarded fetcher: what it refuses, and that it keeps to its bounds against real sockets."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from services.visionboard.addresses import RefusedError, Rules, address_of, is_public, parse, system_resolver
from services.visionboard.fetch import MAX_BYTES, Fetcher
from services.visionboard.pictures import decoded

PUBLIC = "93.184.215.14"


def jpeg(size: tuple[int, int] = (64, 48), **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#c9553a").save(out, "JPEG", **more)
    return out.getvalue()


REDIRECTS = {
    "/inner": "http://169.254.169.254/latest/meta-data",
    "/file": "file:///etc/passwd",
    "/loop": "/loop",
    "/twice": "/once",
    "/once": "/good.jpg",
}
BODIES = {"/good.jpg": jpeg(), "/large.jpg": b"x" * (MAX_BYTES + 1)}


class Shop(BaseHTTPRequestHandler):
    """A shop's picture server, with everything that can be wrong with one."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_GET(self) -> None:
        self.server.seen.append(self.headers.get("Host", ""))  # type: ignore[attr-defined]
        if self.path in REDIRECTS:
            self.redirect(REDIRECTS[self.path])
        elif self.path == "/slow.jpg":
            self.drip()
        elif self.path == "/announced.jpg":
            self.send_response(200)
            self.send_header("Content-Length", str(MAX_BYTES * 10))
            self.end_headers()
        elif self.path in BODIES:
            self.answer(BODIES[self.path], length=self.path != "/large.jpg")
        else:
            self.send_error(404)

    def answer(self, body: bytes, *, length: bool = True) -> None:
        self.send_response(200)
        if length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
        self.close_connection = True

    def drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(400):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def allowed(shop: ThreadingHTTPServer, **more: object) -> Fetcher:
    rules = Rules(http=True, hosts=frozenset({("127.0.0.1", shop.server_port)}))
    return Fetcher(rules, **more)  # type: ignore[arg-type]


def url(shop: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{shop.server_port}{path}"


def refusal(url: str, rules: Rules | None = None) -> str:
    with pytest.raises(RefusedError) as caught:
        address_of(parse(url, rules or Rules(http=True)), rules or Rules(http=True), system_resolver)
    return caught.value.code


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("http://user:pass@example.com/a.png", "credentials"),
        ("http://@example.com/a.png", "credentials"),
        ("https://example.com@169.254.169.254/", "credentials"),
        ("ftp://example.com/a.png", "scheme"),
        ("file:///etc/passwd", "bad-url"),
        ("gopher://example.com/", "scheme"),
        ("data:image/png;base64,AAAA", "bad-url"),
        ("https://example.com:22/a.png", "port"),
        ("https://example.com:80/a.png", "port"),
        ("https://example.com:99999/a.png", "bad-url"),
        ("https:///a.png", "bad-url"),
        ("https://exa mple.com/", "bad-url"),
        ("https://example.com\\@evil.example/", "bad-url"),
        ("https://[::1/", "bad-url"),
    ],
)
def test_a_url_that_is_not_a_plain_public_one_is_refused(bad, code):
    assert code == refusal(bad)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f000001", "0177.0.0.1", "2130706433", "0.0.0.0", "localhost", "10.0.0.1",  # noqa: S104
        "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.192", "198.18.0.1", "224.0.0.1",
        "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[ff02::1]", "[2001:db8::1]", "[2001::1]",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_however_it_is_written(host):
    assert refusal(f"http://{host}/a.png") in {"address", "unresolved"}


def test_a_public_address_passes():
    target = parse("https://pictures.example/a.png?w=3", Rules())
    assert address_of(target, Rules(), lambda *_: [PUBLIC]) == PUBLIC
    assert (target.authority, target.path) == ("pictures.example", "/a.png?w=3")


def test_plain_http_is_refused_unless_it_is_asked_for():
    assert refusal("http://pictures.example/a.png", Rules()) == "scheme"


def test_one_inner_address_among_public_ones_is_enough_to_refuse():
    target = parse("https://pictures.example/a.png", Rules())
    with pytest.raises(RefusedError, match="address"):
        address_of(target, Rules(), lambda *_: [PUBLIC, "127.0.0.1"])


def test_what_the_library_calls_global_but_leads_inside_is_not_public():
    import ipaddress

    for text in ("64:ff9b::7f00:1", "2002:7f00:1::", "192.0.0.192"):
        assert not is_public(ipaddress.ip_address(text))


def test_the_address_that_was_checked_is_the_one_connected_to(shop):
    """A name that answers with a public address first and an inner one later (rebinding) is asked only once a hop."""
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    rules = Rules(http=True, hosts=frozenset({("pictures.example", shop.server_port)}))
    fetcher = Fetcher(rules, rebinding)
    assert fetcher.fetch(f"http://pictures.example:{shop.server_port}/good.jpg") == jpeg()
    assert asked == ["pictures.example"]
    assert shop.seen == [f"pictures.example:{shop.server_port}"]


def test_a_second_answer_of_a_rebinding_name_is_checked_again(shop):
    answers = [[PUBLIC], ["127.0.0.1"]]
    target = parse("https://pictures.example/a.png", Rules())
    assert address_of(target, Rules(), lambda *_: answers[0]) == PUBLIC
    with pytest.raises(RefusedError, match="address"):
        address_of(target, Rules(), lambda *_: answers[1])


def test_a_redirect_is_followed_up_to_three_times(shop):
    assert allowed(shop).fetch(url(shop, "/twice")) == jpeg()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/inner", "address"),
        ("/file", "bad-url"),
        ("/loop", "redirects"),
        ("/large.jpg", "size"),
        ("/announced.jpg", "size"),
        ("/none.jpg", "status"),
    ],
)
def test_an_answer_out_of_bounds_is_refused(shop, path, code):
    with pytest.raises(RefusedError) as caught:
        allowed(shop).fetch(url(shop, path))
    assert code == caught.value.code


def test_a_server_that_drips_bytes_is_cut_off_in_time(shop):
    started = time.monotonic()
    with pytest.raises(RefusedError, match="timeout"):
        allowed(shop, seconds=0.6).fetch(url(shop, "/slow.jpg"))
    assert time.monotonic() - started < 2.0


def test_proxies_of_the_environment_are_ignored(shop, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert allowed(shop).fetch(url(shop, "/good.jpg")) == jpeg()


def test_a_host_that_does_not_answer_is_unreachable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    fetcher = Fetcher(Rules(http=True, hosts=frozenset({("127.0.0.1", port)})))
    with pytest.raises(RefusedError, match="unreachable"):
        fetcher.fetch(f"http://127.0.0.1:{port}/a.png")


def bomb() -> bytes:
    """A PNG of 20,000 × 20,000 pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>Not found</body></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        bomb(),
        jpeg((400, 400))[:900],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        b"II*\0" + b"\0" * 64,
        jpeg((4, 4)),
    ],
    ids=["empty", "html", "svg", "bomb", "truncated", "broken-png", "tiff", "tiny"],
)
def test_what_is_no_picture_for_us_is_refused(data):
    with pytest.raises(RefusedError, match="not-a-picture"):
        decoded(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_the_four_formats_come_out_as_a_fresh_jpeg(kind):
    out = io.BytesIO()
    Image.new("RGB", (80, 60), "#336699").save(out, kind)
    facts, picture = decoded(out.getvalue())
    assert facts == {"width": 80, "height": 60, "cutout": False}
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("JPEG", (80, 60))


def test_metadata_is_left_behind_and_the_picture_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "home address"
    facts, picture = decoded(jpeg((64, 48), exif=exif))
    assert (facts["width"], facts["height"]) == (48, 64)
    assert b"home address" not in picture
    with Image.open(io.BytesIO(picture)) as image:
        assert not image.getexif()


def test_a_cut_out_product_is_known_by_its_white_edge():
    image = Image.new("RGB", (90, 90), "white")
    image.paste("#aa3322", (20, 20, 70, 70))
    out = io.BytesIO()
    image.save(out, "PNG")
    assert decoded(out.getvalue())[0]["cutout"] is True
