"""The page that composes a link for a hub, in a real browser, opened from disk."""

from urllib.parse import parse_qs, urlsplit

import pytest
from test_browser import browser  # noqa: F401


@pytest.fixture
def page(browser, repo):  # noqa: F811
    """The page; whatever it asks for but itself fails the test."""
    one = browser.new_page()
    asked = []
    one.on("request", lambda request: asked.append(request.url))
    one.goto((repo / "docs" / "nbgitpuller.html").as_uri())
    yield one
    assert [url.split(":")[0] for url in asked] == ["file"]
    one.close()


def test_the_link_is_composed_by_keyboard_alone(page, repo):
    assert page.locator("#link").inner_text() == "Fill in both addresses."
    page.keyboard.press("Tab")
    page.keyboard.type("https://hub.example.edu/hub/home")
    page.keyboard.press("Tab")
    page.keyboard.type("https://git.example.edu/me/wsss-lite.git/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    address = urlsplit(page.locator("#link a").get_attribute("href"))
    asked = {key: value for key, [value] in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}" == "https://hub.example.edu"
    assert address.path == "/hub/user-redirect/git-pull"
    assert asked["repo"] == "https://git.example.edu/me/wsss-lite.git" and asked["branch"] == "main"
    file = asked["urlpath"].removeprefix("lab/tree/wsss-lite/")
    assert file.startswith("notebooks/01") and (repo / file).is_file()
    page.keyboard.press("Tab")  # the link itself
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#copied').textContent !== ''")


@pytest.mark.parametrize("hub", ["hub.example.edu", "javascript:alert(1)", "ftp://hub.example.edu"])
def test_another_kind_of_address_is_one_sentence(page, hub):
    page.fill("#hub", hub)
    page.fill("#repo", "https://git.example.edu/me/wsss-lite")
    assert (
        page.locator("#link").inner_text() == "Give the address of the hub with https:// in front."
    )
    assert page.locator("#copy").is_disabled() and not page.locator("#link a").count()


def test_every_first_page_is_there_and_fields_have_labels(page, repo):
    for value in page.eval_on_selector_all("#file option", "all => all.map(one => one.value)"):
        assert (repo / value).exists(), value
    labels = "all => all.map(one => one.labels.length)"
    assert set(page.eval_on_selector_all("input, select", labels)) == {1}
