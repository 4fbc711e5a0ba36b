"""Short representations of values, and exceptions without local variables."""

from __future__ import annotations

import traceback

import pytest

from airflow_provider_signalwire.client.protocol.redaction import clear_locals, redact, short_repr


class Unreadable:
    def __repr__(self):
        raise RuntimeError


def test_short_repr_is_short_printable_and_never_raises():
    long = ["x" * 10**6, ["x"] * 10**6, {"a": "x" * 1000}, b"x" * 10**6, "\U0001f4a5" * 300]
    for value in (*long, 10**5000, Unreadable(), "line\nbreak\ud800", "\u2028"):
        for limit in (20, 200):
            text = short_repr(value, limit=limit)
            assert 0 < len(text) <= limit
            assert text.isprintable()


def test_short_repr_masks_telephone_numbers():
    assert short_repr("+1\u00a0555\u00a0123\u00a04567") == "'+***4567'"
    assert short_repr({"to": "+15551234567"}) == "{'to': '+***4567'}"


def test_short_secret_is_redacted_as_a_whole_word_only():
    assert redact("abc, xabcx", ["abc"]) == "***, xabcx"
    assert redact("abcd, xabcdx", ["abcd"]) == "***, x***x"


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_local_variables_of_linked_exceptions_are_cleared(link):
    def fail(token):
        raise ValueError

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - only its traceback matters
        fail("secret")
    error = RuntimeError()
    setattr(error, link, caught.value)
    clear_locals(error)
    assert [frame.f_locals for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:] == [{}]
