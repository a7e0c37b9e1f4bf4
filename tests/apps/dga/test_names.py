"""What part of a name is scored, and what is no name."""

import numpy as np
import pytest

from pauca.apps.dga.names import MAX_SCORED, Unscored, codes_of, normalise, scored_part


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"Example.COM", b"example.com"),
        (b"example.com.", b"example.com"),
        (b"  example.com\r", b"example.com"),
        ("bücher.example".encode(), b"xn--bcher-kva.example"),
        ("BÜCHER.example".encode(), b"xn--bcher-kva.example"),
        ("例え。jp".encode(), b"xn--r8jz45g.jp"),
        (b"_dmarc.a-b.org", b"_dmarc.a-b.org"),
        (b"a" * 63 + b".org", b"a" * 63 + b".org"),
        (b".".join([b"a" * 62] * 4), b".".join([b"a" * 62] * 4)),
    ],
)
def test_names(raw: bytes, name: bytes) -> None:
    assert normalise(raw) == name


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b".", "empty"),
        (b"  ", "empty"),
        (b"localhost", "single label"),
        (b"a..com", "not a name"),
        (b".a.com", "not a name"),
        (b"a.com..", "not a name"),
        (b"a b.com", "control character or space"),
        (b"a\0b.com", "control character or space"),
        (b"a\x1b[31m.com", "control character or space"),
        (b"http://a.com/", "not a name"),
        (b"*.a.com", "not a name"),
        (b"\xff\xfe.com", "not a name"),
        (b"\xed\xa0\x80.com", "not a name"),
        (b"a" * 64 + b".com", "too long"),
        (b".".join([b"a" * 63] * 4), "too long"),
        (b"a." * 100000, "too long"),
        ("ü".encode() * 100 + b".com", "not a name"),
        (b"192.0.2.1", "address"),
        (b"1.2.0.192.in-addr.arpa", "reverse lookup"),
    ],
)
def test_what_is_no_name_has_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Unscored, match=f"^{reason}$"):
        normalise(raw)


def test_any_bytes_are_a_name_or_have_a_reason() -> None:
    rng = np.random.default_rng(1)
    reasons = set()
    for size in rng.integers(0, 300, 3000):
        raw = rng.choice(
            np.frombuffer(b"aZ09-_.\xc3\xbc\x00\xe2\x80\x8b \xff\n\xe3\x82", np.uint8), size
        )
        try:
            scored_part(normalise(raw.tobytes()))
        except Unscored as reason:
            reasons.add(str(reason))
    assert len(reasons) <= 6


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (b"example.com", b"example.com"),
        (b"www.mail.example.com", b"example.com"),
        (b"www.example.co.uk", b"example.co.uk"),
        (b"x.qkdjw.ddns.net", b"qkdjw.ddns.net"),
        (b"co.uk", b"co.uk"),
        (b"a.b.c.d.e.f.gov.br", b"f.gov.br"),
    ],
)
def test_the_registered_label_and_its_suffix_are_scored(name: bytes, part: bytes) -> None:
    assert scored_part(name) == part


def test_codes_are_those_of_the_last_characters() -> None:
    codes, starts = codes_of([b"ab.c", b"", b"0" * 90 + b"z"])
    assert starts.tolist() == [0, 4, 4, 4 + MAX_SCORED]
    assert codes[:4].tolist() == [14, 15, 2, 16]
    assert codes[-2:].tolist() == [3, 39]
