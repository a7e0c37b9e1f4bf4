"""The first bytes of a stream: whose it is and of which kind (spec/container.md, section 2)."""

from enum import Enum

from pauca.errors import FormatError, TruncatedError, UnsupportedError

# Byte 0: 0xB5 has the high bit set (a 7-bit transfer destroys it) and cannot start UTF-8 text.
# Then the name, 0x1A (DOS end of text) and LF (expanded by a text-mode transfer).
SIGNATURE = b"\xb5PAUCA\x1a\n"
MAJOR = 1  # a higher major version may change anything after the first ten bytes
MINOR = 0  # a higher minor version only adds chunks
PREAMBLE_BYTES = len(SIGNATURE) + 1


class Kind(Enum):
    """What a stream holds; the value is the type of its header chunk."""

    IMAGE = "I"
    VIDEO = "V"
    WEIGHTS = "W"
    UPDATE = "U"

    def __str__(self) -> str:
        """Return the kind in lower case, as shown to people."""
        return self.name.lower()


def identify(head: bytes | bytearray | memoryview) -> Kind | None:
    """Return the kind of the stream that starts with `head` (10 bytes or more), or None.

    None means that the bytes are not ours. The version does not matter: these bytes stay.
    """
    head = bytes(head[: PREAMBLE_BYTES + 1])
    if len(head) <= PREAMBLE_BYTES or not head.startswith(SIGNATURE):
        return None
    try:
        return Kind(chr(head[PREAMBLE_BYTES]))
    except ValueError:
        return None


def encode_preamble() -> bytes:
    """Return the signature and the version byte: major in the high nibble, minor in the low."""
    return SIGNATURE + bytes([MAJOR << 4 | MINOR])


def decode_preamble(head: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Return (major, minor) of the stream that starts with `head`.

    Raises `FormatError` (not ours, or mangled), `TruncatedError`, `UnsupportedError` (newer major).
    """
    head = bytes(head[:PREAMBLE_BYTES])
    if len(head) < PREAMBLE_BYTES and SIGNATURE.startswith(head[: len(SIGNATURE)]):
        raise TruncatedError("stream is truncated inside its signature")
    if not head.startswith(SIGNATURE):
        raise FormatError(_foreign(head))
    major, minor = divmod(head[-1], 16)
    if major != MAJOR:
        raise UnsupportedError(f"stream has format version {major}.{minor}; this reads {MAJOR}.x")
    return major, minor


def _foreign(head: bytes) -> str:
    if head[1:6] == SIGNATURE[1:6]:
        return "pauca signature is damaged, as by a transfer in text mode"
    return "not a pauca stream"
