"""Responses as bytes: well-formed ones, ones with odd parts, and damaged ones."""

from __future__ import annotations

from hypothesis import strategies as st

STATUS_LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 429 Too Many Requests",
    b"HTTP/1.1 302 Found",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 205 Reset",
    b"HTTP/1.1 503",
    b"HTTP/1.1 200 ",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 200 \xffOK",
]
ODD_STATUS_LINES = [
    b"HTTP/0.9 200 OK",
    b"HTTP/1.2 200 OK",
    b"HTTP/2.0 200 OK",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.1 200OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 099 X",
    b"HTTP/1.1 999 X",
    b"HTTP/1.1 +20 X",
    b"HTTP/1.1 200\tOK",
    b"HTTP/1.1 200 O\x00K",
    b"http/1.1 200 OK",
    b"HTTP/1.1",
    b" HTTP/1.1 200 OK",
    b"\r\nHTTP/1.1 200 OK",
    b"ICY 200 OK",
    b"RTSP/1.0 200 OK",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
INFORMATIONAL = [
    b"",
    b"",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.0 100 Continue\r\n\r\n",
    b"HTTP/1.1 100 Continue\n\n",
]
HEADERS = [
    b"Retry-After: 7",
    b"retry-after:  Fri, 31 Dec 1999 23:59:59 GMT \t",
    b"Retry-After: 1\r\nRetry-After: 2",
    b"Retry-After:",
    b"Date: Fri, 31 Dec 1999 23:59:58 GMT",
    b"X-Request-Id: abc",
    b"X-Request-Id: \xc3\xa4\xff",
    b"Set-Cookie: a=b; Path=/",
    b"Location: http://[",
    b"Location: //elsewhere.invalid/",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: keep-alive, Close",
    b"Connection: upgrade\r\nUpgrade: h2c",
    b"Connection: closed",
    b"Keep-Alive: timeout=5",
    b"Proxy-Connection: close",
    b"Content-Encoding: gzip",
    b"Content-Encoding: br, deflate",
    b"Content-Type: application/json; charset=utf-16",
    b"Content-Type: multipart/mixed; boundary=x",
    b"Content-Type: message/rfc822",
    b"Trailer: X",
    b"X: " + b"a" * 7996,
    b"\r\n".join(b"X-%d: y" % number for number in range(98)),
]
ODD_HEADERS = [
    b"X-Request-Id: a\x00b",
    b"X-Request-Id: a\x7fb",
    b"X-Request-Id: a\rb",
    b"X-Request-Id: a\r\n b",
    b"X-Request-Id: a\r\n\tb",
    b"Request-Id : x",
    b"Request-Id\t: x",
    b" Request-Id: x",
    b": empty name",
    b"no colon",
    b"X-(bad): x",
    b"X-\xe4: x",
    b"Set-Cookie: \x00",
    b"Content-Length: 0",
    b"Content-Length: 3",
    b"Transfer-Encoding: identity",
    b"X: " + b"a" * 8200,
    b"X: " + b"a" * 66000,
    b"\r\n".join(b"X-%d: y" % number for number in range(130)),
    b"\r\n".join(b"X-%d: " % number + b"z" * 1000 for number in range(70)),
]
BODIES = [b"", b"ok", b'{"sid": "x", "status": "queued"}', b"\x1f\x8b\x08\x00garbage", b"a" * 3000, b"\r\n\r\n"]
LENGTHS = [b"Content-Length: %d", b"content-length:%d", b"Content-Length: 00%d", b"Content-Length:  %d \t"]
ODD_LENGTHS = [
    b"Content-Length: +%d",
    b"Content-Length: -%d",
    b"Content-Length: 1_%d",
    b"Content-Length: 0x%d",
    b"Content-Length: %d, %d",
    b"Content-Length: %d\r\nContent-Length: %d",
    b"Content-Length: %d\r\nContent-Length: 1",
    b"Content-Length: %d.0",
    b"Content-Length: 9%d",
    b"Content-Length: 99999999%d",
    b"Content-Length: 99999999999999999999%d",
    b"Content-Length: ",
    b"Content-Length : %d",
    b"Content-Length: \xc2\xb2",
]
ENCODINGS = [b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED"]
ODD_ENCODINGS = [
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 2",
    b"Content-Length: 2\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: \x0bchunked",
]
SIZES = [b"%x", b"%x", b"%X;ext=1", b'%x ; a="b"', b"0%x"]
ODD_SIZES = [
    b"%x ",
    b" %x",
    b"+%x",
    b"-%x",
    b"0x%x",
    b"%x_0",
    b"fffffffff%x",
    b"ffffffffffffffffff%x",
    b"%x;\x00",
    b"",
    b"g",
]
LAST_CHUNKS = [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0;a\r\n\r\n", b"00\r\n\r\n"]
ODD_LAST_CHUNKS = [
    b"0\r\n",
    b"0\r\nX\r\n\r\n",
    b"0\r\n X: y\r\n\r\n",
    b"0\n\n",
    b"",
    b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"0\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
]
GARBAGE = [b"x", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"]


def _filled(template: bytes, number: int) -> bytes:
    return template.replace(b"%d", b"%d" % number).replace(b"%x", b"%x" % number).replace(b"%X", b"%X" % number)


def _mostly(usual: list[bytes], odd: list[bytes]) -> st.SearchStrategy[bytes]:
    return st.integers(0, 11).flatmap(lambda number: st.sampled_from(usual if number else odd))


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    size = draw(st.sampled_from([1, 2, 7, 1000, 5000]))
    if len(body) > 50:
        size = max(size, 1000)
    wire = b""
    for start in range(0, len(body), size):
        chunk = body[start : start + size]
        end = draw(_mostly([b"\r\n"], [b"\n", b"", b"x\r\n"])) if start == 0 else b"\r\n"
        template = draw(_mostly(SIZES, ODD_SIZES)) if start == 0 else b"%x"
        wire += _filled(template, len(chunk)) + b"\r\n" + chunk + end
    return wire + draw(_mostly(LAST_CHUNKS, ODD_LAST_CHUNKS))


@st.composite
def _structured(draw: st.DrawFn) -> bytes:
    body = draw(st.sampled_from(BODIES) | st.binary(max_size=20))
    framing = draw(st.sampled_from(["length", "chunked", "none"]))
    lines = [
        draw(_mostly(STATUS_LINES, ODD_STATUS_LINES)),
        *draw(st.lists(_mostly(HEADERS, ODD_HEADERS), max_size=3)),
    ]
    if framing == "chunked":
        lines.append(draw(_mostly(ENCODINGS, ODD_ENCODINGS)))
        body = draw(_chunked(body))
    elif framing == "length":
        lines.append(_filled(draw(_mostly(LENGTHS, ODD_LENGTHS)), len(body)))
    if draw(st.booleans()):
        lines[1:] = draw(st.permutations(lines[1:]))
    line_end = draw(_mostly([b"\r\n"], [b"\n", b"\r"]))
    head = line_end.join([*lines, b"", b""])
    return draw(st.sampled_from(INFORMATIONAL)) + head + body + draw(_mostly([b""], GARBAGE))


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    wire = draw(_structured())
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, min(len(wire), 400)))
        cut = draw(st.integers(0, 3))
        put = draw(st.binary(max_size=2) | st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b"0"]))
        wire = wire[:at] + put + wire[at + cut :]
    return wire


@st.composite
def _truncated(draw: st.DrawFn) -> bytes:
    wire = draw(_structured())
    return wire[: draw(st.integers(0, len(wire)))]


RESPONSES = st.one_of(
    _structured(),
    _structured().map(lambda wire: wire),  # the same strategy twice would count once
    _structured().map(bytes),
    _damaged(),
    _truncated(),
    st.binary(max_size=40),
    st.binary(max_size=40).map(lambda junk: b"HTTP/1.1 200 OK\r\n" + junk),
    st.binary(max_size=40).map(lambda junk: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + junk),
)


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """A response, cut into the pieces in which it is sent."""
    wire = draw(RESPONSES)
    cuts = sorted(set(draw(st.lists(st.integers(0, min(len(wire), 600)), max_size=3))))
    return [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True) if end > start]
