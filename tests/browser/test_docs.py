"""/docs: the API tried in the browser."""

from playwright.sync_api import expect

from browser.conftest import MEMBER, look_up


def test_authorize_and_try_it_out(page):
    page.goto("/docs")
    token = page.request.post("/auth/login", data=MEMBER).json()["token"]
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("textbox").fill(token)
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").first.click()

    operation = page.locator("#operations-genres-create_genre")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea").fill('{"genre": "Tried out"}')
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("201")
    assert look_up(page, "/genres?q=Tried+out")[0]["genre"] == "Tried out"
