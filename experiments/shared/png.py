"""Pictures as part of a page."""

from base64 import b64encode
from io import BytesIO

from PIL import Image


def as_png(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    content = BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def data_uri(png: bytes) -> str:
    """What an <img> takes for its `src`."""
    return f"data:image/png;base64,{b64encode(png).decode()}"
