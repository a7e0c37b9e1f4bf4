"""How much a stream or a file may ask for before anything is allocated."""

from dataclasses import dataclass

from pauca.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """Upper bounds of one call; every declared size is checked against them before it is used.

    The defaults fit an ordinary machine. Raise them for trusted giants, lower them for a service:
    `Limits(max_pixels=2**24)`. All checks raise `LimitError`.
    """

    max_pixels: int = 2**28  # width * height of one picture
    max_bytes: int = 2**32  # a whole stream or input file
    max_chunks: int = 2**14  # chunks of one stream
    max_chunk_bytes: int = 2**31  # the payload of one chunk
    max_tensors: int = 2**20  # tensors of one network
    max_metadata: int = 2**24  # expanded bytes of one of ICC profile, EXIF, XMP
    max_memory: int = 2**33  # working memory that a decoder plans for, in bytes

    def check_pixels(self, width: int, height: int) -> None:
        """Raise unless a picture of `width` x `height` is allowed."""
        # Python integers do not overflow, so the product itself is safe to form.
        if width * height > self.max_pixels:
            raise LimitError(
                f"picture of {width} x {height} is over the limit of {self.max_pixels} pixels"
            )

    def check_bytes(self, size: int) -> None:
        """Raise unless a stream or file of `size` bytes is allowed."""
        if size > self.max_bytes:
            raise LimitError(f"input is over the limit of {self.max_bytes} bytes")

    def check_chunks(self, count: int) -> None:
        """Raise unless a stream of `count` chunks is allowed."""
        if count > self.max_chunks:
            raise LimitError(f"stream has more than {self.max_chunks} chunks")

    def check_chunk_bytes(self, size: int) -> None:
        """Raise unless a chunk payload of `size` bytes is allowed."""
        if size > self.max_chunk_bytes:
            raise LimitError(
                f"chunk declares {size} bytes, over the limit of {self.max_chunk_bytes}"
            )

    def check_tensors(self, count: int) -> None:
        """Raise unless a network of `count` tensors is allowed."""
        if count > self.max_tensors:
            raise LimitError(f"network has {count} tensors, over the limit of {self.max_tensors}")

    def check_metadata(self, size: int, name: str) -> None:
        """Raise unless `size` bytes of expanded metadata are allowed; `name` says of which."""
        if size > self.max_metadata:
            raise LimitError(f"{name} has {size} bytes, over the limit of {self.max_metadata}")

    def check_memory(self, size: int, purpose: str) -> None:
        """Raise unless `size` bytes of working memory for `purpose` are allowed."""
        if size > self.max_memory:
            raise LimitError(f"{purpose} needs {size} bytes, over the limit of {self.max_memory}")
