"""The statistics page: plots, their tables, and what they count."""

import re

from playwright.sync_api import expect

PLOTS = [
    "Books by genre",
    "Books by format",
    "Books by year",
    "Page count of books, in pages",
    "Books over time",
    "Movies by genre",
    "Movies by format",
    "Movies by year",
    "Run time of movies, in minutes",
    "Movies over time",
]


def test_each_plot_is_drawn_and_has_its_table(page):
    page.goto("/#/stats")
    expect(page.locator("figure")).to_have_count(len(PLOTS))
    assert page.locator("figcaption").all_text_contents() == PLOTS
    for canvas in page.locator("canvas").all():
        drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
        expect(canvas).to_have_attribute("role", "img")
        assert canvas.evaluate(drawn)


def test_the_tables_hold_the_numbers_of_the_api(page):
    page.goto("/#/stats")
    figure = page.locator("figure").filter(has_text="Books by format")
    figure.get_by_text("As a table").click()
    counts = {row["format"] or "None": row["count"] for row in page.request.get("/stats").json()["books"]["formats"]}
    expect(figure.get_by_role("row")).to_have_count(1 + len(counts))
    shown = [re.split(r"\t", row) for row in figure.get_by_role("row").all_inner_texts()[1:]]
    assert {label: int(count.replace(",", "")) for label, count in shown} == counts


def test_a_collection_is_counted_alone(page, member):
    collection = member.send("POST", "/collections", {"name": "AAA counted alone"})
    page.goto("/#/stats")
    expect(page.locator("figure")).to_have_count(len(PLOTS))
    page.get_by_label("Collection").select_option("AAA counted alone")
    expect(page.get_by_text("There is nothing to count yet.")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"#/stats\?collection_id={collection['id']}$"))
    member.book("Counted", collection_id=collection["id"], page_count=1234)
    page.reload()
    expect(page.locator(".sums")).to_have_text("1 book · 1,234 pages in all")
    page.go_back()
    expect(page.locator("figure")).to_have_count(len(PLOTS))
