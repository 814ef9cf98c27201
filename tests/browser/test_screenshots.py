"""The README's pictures. Each run takes them; a file is written anew only if it does not look like that any more.

Other fonts, or another version of the browser, change every pixel a little. Looked at from afar, in patches of some
20 pixels, that comes to almost nothing, and a page that has really changed does not.
"""

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, expect

from browser.conftest import cards, serve
from mediatheque import config

IMAGES = config.ROOT / "docs/images"
AFAR = 20  # pixels that become one
ALIKE = 4  # of 255, on average

PICTURES = {
    "light": ("/#/books", {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}}),
    "dark": ("/#/stats", {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}}),
    "phone": ("/#/movies", {"color_scheme": "light", "viewport": {"width": 390, "height": 800}}),
}


@pytest.fixture(scope="module")
def demo(make_database, make_app) -> Iterator[str]:
    """A library of a household, in which no test has written: the same in every run."""
    url = make_database("pictures")
    app = make_app(url)
    for command in (["create"], ["load-demo", "--books", "600", "--movies", "150"]):
        app.test_cli_runner().invoke(args=["db", *command], catch_exceptions=False)
    with serve(url) as address:
        yield address


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_in_the_readme_is_what_the_page_looks_like(open_page, demo, name):
    path, options = PICTURES[name]
    page: Page = open_page(demo, **options)
    page.goto(path)
    expect(cards(page).or_(page.locator("canvas")).first).to_be_visible()
    page.evaluate("document.fonts.ready.then(() => true)")
    page.wait_for_load_state("networkidle")
    picture = page.screenshot()
    file = IMAGES / f"{name}.png"
    if not file.exists() or difference(file.read_bytes(), picture) > ALIKE:
        IMAGES.mkdir(exist_ok=True)
        file.write_bytes(smaller(picture))
    assert difference(file.read_bytes(), picture) <= ALIKE


def difference(one: bytes, other: bytes) -> float:
    """How different two pictures are from afar, of 255."""
    images = [Image.open(BytesIO(content)).convert("RGB") for content in (one, other)]
    if images[0].size != images[1].size:
        return 255
    width, height = images[0].size
    small = [image.resize((width // AFAR, height // AFAR), Image.Resampling.BOX) for image in images]
    return max(ImageStat.Stat(ImageChops.difference(*small)).rms)


def smaller(picture: bytes) -> bytes:
    """The picture with 256 colours, which is enough for it."""
    written = BytesIO()
    Image.open(BytesIO(picture)).quantize(256).save(written, "PNG", optimize=True)
    return written.getvalue()
