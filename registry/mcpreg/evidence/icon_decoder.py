"""Picture in, PNG out: a process of its own, because image libraries have been broken into.

    python -I -m mcpreg.evidence.icon_decoder < icon > icon.png

It gives up memory, time and new files before it reads a byte. Exit code REFUSED: the reason is on
standard error.
"""

from __future__ import annotations

import io
import resource
import sys

REFUSED = 3
SIDE = 256  # pixels of what is shown
MAX_SIDE = 4096
MAX_PIXELS = 16 << 20  # 64 MiB decoded, before anything is
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_MEMORY = 1 << 30  # bytes of address space: the interpreter and its libraries take a part
_CPU_SECONDS = 10


class RefusedPictureError(Exception):
    """Why it is not shown, for people."""


def decode(data: bytes) -> bytes:
    """A PNG of the first frame, at most SIDE pixels a side. Raises `RefusedPictureError`."""
    from PIL import Image, ImageOps  # noqa: PLC0415  # only `ci check` needs it, and it is an extra

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _judge(*image.size)
            image.load()
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except RefusedPictureError:
        raise
    except Image.DecompressionBombError as error:  # before the size could be asked for
        raise RefusedPictureError(f"is far too large; {MAX_SIDE} pixels a side at most") from error
    except Exception as error:  # Pillow's plugins raise what they like on broken input
        raise RefusedPictureError(f"is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]}") from error
    upright.thumbnail((SIDE, SIDE))
    clean = Image.new("RGBA", upright.size)  # nothing but pixels: no text, profile or comment
    clean.paste(upright)
    out = io.BytesIO()
    clean.save(out, "PNG", optimize=True)
    return out.getvalue()


def _judge(width: int, height: int) -> None:
    """Raises `RefusedPictureError` when decoding it would take too much."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise RefusedPictureError(f"is {width} x {height} pixels; {MAX_SIDE} a side at most")


def main() -> int:
    """Decode standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        png = decode(sys.stdin.buffer.read())
    except RefusedPictureError as refused:
        sys.stderr.write(str(refused))
        return REFUSED
    sys.stdout.buffer.write(png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
