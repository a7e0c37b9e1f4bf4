"""Plain-Python reader of pauca streams: the twin of the specification, standard library only.

It shares no line with the package, so that the tests can hold one against the other. Run
`python decoder.py FILE` to list the chunks of a stream.
"""

import sys
import zlib

SIGNATURE = bytes([0xB5, 0x50, 0x41, 0x55, 0x43, 0x41, 0x1A, 0x0A])


class Bad(Exception):
    """The stream breaks a rule; the first argument is the name of the error (container.md, 4)."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, next position) of the varint at `at` (container.md, section 3)."""
    groups: list[int] = []
    while True:
        if at + len(groups) >= len(data):
            raise Bad("TruncatedError", "inside a varint")
        groups.append(data[at + len(groups)])
        if groups[-1] < 128:
            break
        if len(groups) == 9:
            raise Bad("FormatError", "varint too long")
    if len(groups) > 1 and groups[-1] == 0:
        raise Bad("FormatError", "varint not in shortest form")
    value = sum((group % 128) * 128**power for power, group in enumerate(groups))
    return value, at + len(groups)


def read_chunks(data: bytes) -> list[tuple[str, bytes]]:
    """Return (type, payload) of every chunk, header first, end mark left out."""
    if data[:8] != SIGNATURE[: len(data)]:
        raise Bad("FormatError", "signature")
    if len(data) < 9:
        raise Bad("TruncatedError", "inside the preamble")
    if data[8] >> 4 != 1:
        raise Bad("UnsupportedError", "major version")
    chunks: list[tuple[str, bytes]] = []
    covered = data[:9]  # all bytes but the checksums: each checksum is the CRC-32 of these so far
    at = 9
    while True:
        if at >= len(data):
            raise Bad("TruncatedError", "no end mark")
        letter = chr(data[at])
        if letter not in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
            raise Bad("FormatError", "chunk type")
        if letter == "E":
            break
        if (letter in "IVWU") != (not chunks):
            raise Bad("FormatError", "header chunk")
        size, start = read_varint(data, at + 1)
        end = start + size
        if end + 4 > len(data):
            raise Bad("TruncatedError", "inside a chunk")
        covered += data[at:end]
        if zlib.crc32(covered) != int.from_bytes(data[end : end + 4], "little"):
            raise Bad("ChecksumError", letter)
        chunks.append((letter, data[start:end]))
        at = end + 4
    if not chunks:
        raise Bad("FormatError", "no header chunk")
    if at + 1 != len(data):
        raise Bad("FormatError", "bytes after the end")
    return chunks


def read_image_header(payload: bytes) -> dict[str, int | str]:
    """Return the fields of chunk `I` by name (container.md, section 5)."""
    width, at = read_varint(payload, 0)
    height, at = read_varint(payload, at)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise Bad("FormatError", "picture size")
    if len(payload) < at + 9:
        raise Bad("TruncatedError", "inside the image header")
    if payload[at] % 8 not in (1, 3):
        raise Bad("FormatError", "channels")
    if payload[at] // 8 != 8:
        raise Bad("UnsupportedError", "bit depth")
    quality, end = read_varint(payload, at + 9)
    if quality > 65535 or end != len(payload):
        raise Bad("FormatError", "image header")
    return {
        "width": width,
        "height": height,
        "channels": payload[at] % 8,
        "bit_depth": payload[at] // 8,
        "pack_id": payload[at + 1 : at + 9].hex(),
        "quality": quality,
    }


def read_tiles(
    payloads: list[bytes], width: int, height: int
) -> tuple[int, bytes, list[list[bytes]]]:
    """Return the side of a tile in cells, the lowest band and, for levels 6 to 1, the streams of
    the tiles, from the payloads of the chunks `P` (image.md, "Tiles").
    """
    if len(payloads) != 7:
        raise Bad("FormatError", "number of chunks P")
    if not payloads[0]:
        raise Bad("TruncatedError", "no lowest band")
    if not 5 <= payloads[0][0] <= 15:
        raise Bad("FormatError", "side of a tile")
    side = 2 ** payloads[0][0]
    padded = [-(-length // 128) * 128 for length in (height, width)]
    levels: list[list[bytes]] = []
    for level, payload in zip(range(6, 0, -1), payloads[1:], strict=True):
        rows, columns = (-(-(length // 2 ** (level + 1)) // side) for length in padded)
        sizes, at = [], 0
        while len(sizes) < rows * columns:
            size, at = read_varint(payload, at)
            sizes.append(size)
        starts = [at + sum(sizes[:number]) for number in range(len(sizes) + 1)]
        if starts[-1] != len(payload):
            short = starts[-1] > len(payload)
            raise Bad("TruncatedError" if short else "FormatError", "sizes of tiles")
        levels.append([payload[a:b] for a, b in zip(starts, starts[1:], strict=False)])
    return side, payloads[0][1:], levels


def read_fidelity(
    chunks: list[tuple[str, bytes]], width: int, height: int
) -> dict[str, float | list[int]] | None:
    """Return what chunk `f` says, None without one (image.md, "Fidelity"); `inf` is equality."""
    payloads = [payload for letter, payload in chunks if letter == "f"]
    if len(payloads) != 1:
        if payloads:
            raise Bad("FormatError", "two chunks f")
        return None
    if len(payloads[0]) != 11:
        raise Bad("TruncatedError" if len(payloads[0]) < 11 else "FormatError", "chunk f")
    sizes = (2, 3, 2, 2, 2)
    starts = (0, 2, 5, 7, 9)
    psnr, similarity, worst, column, row = (
        int.from_bytes(payloads[0][start : start + size], "little")
        for start, size in zip(starts, sizes, strict=True)
    )
    if similarity > 1000000 or 64 * column >= width or 64 * row >= height:
        raise Bad("FormatError", "fidelity out of range")
    if worst > psnr or [psnr, worst].count(65535) == 1:
        raise Bad("FormatError", "worst tile above the picture")
    decibels = [float("inf") if value == 65535 else value / 100 for value in (psnr, worst)]
    return {
        "psnr": decibels[0],
        "ms_ssim": similarity / 1000000,
        "tile_psnr": decibels[1],
        "tile": [64 * column, 64 * row],
    }


def read_metadata(payload: bytes) -> bytes:
    """Return the content of chunk `i`, `e` or `m` (container.md, section 6)."""
    if not payload:
        raise Bad("TruncatedError", "no form")
    if payload[0] > 1:
        raise Bad("UnsupportedError", "form of metadata")
    if payload[0] == 0:
        content = payload[1:]
        size = len(content)
    else:
        size, at = read_varint(payload, 1)
        inflater = zlib.decompressobj()
        try:
            content = inflater.decompress(payload[at:], size + 1)
        except zlib.error as error:
            raise Bad("FormatError", "zlib stream") from error
        if not inflater.eof or inflater.unused_data:
            raise Bad("FormatError", "end of the zlib stream")
    if size == 0 or size != len(content):
        raise Bad("FormatError", "size of metadata")
    return content


def main(path: str) -> None:
    """Print the header and the chunks of the stream at `path`."""
    with open(path, "rb") as file:
        chunks = read_chunks(file.read())
    if chunks[0][0] == "I":
        print(read_image_header(chunks[0][1]))
    for letter, payload in chunks:
        print(letter, len(payload))


if __name__ == "__main__":
    main(sys.argv[1])
