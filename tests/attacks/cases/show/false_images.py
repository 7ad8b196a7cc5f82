"""TRIES: images that are none, that are bombs of 60 000 x 60 000 pixels, that are pages.

MUST: keep only what is a picture of a bounded size.

ROWS: 21, 23
"""

# --- handed in ---
import base64
import struct
import zlib

from IPython.display import HTML, display


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = zlib.compress(bytes(7500) * 2000, 9)
bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 1, 0, 0, 0, 0))
bomb += chunk(b"IDAT", rows) + chunk(b"IEND", b"")
page = b"<html><script>alert(1)</script>"
for content in (bomb, page, b"\x89PNG\r\n\x1a\n" + page, b"GIF89a" + page, b""):
    text = base64.b64encode(content).decode()
    display({"image/png": text, "image/jpeg": text}, raw=True)
    display(HTML(f"<img src='data:image/png;base64,{text}'>"))
display({"image/png": '"><script>alert(1)</script>'}, raw=True)
assert b"60000" not in bomb


def softmax_jacobian(weights):
    return None
