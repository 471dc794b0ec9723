# SPDX-License-Identifier: Apache-2.0
"""The watch page in headless Chromium, which trusts the local authority: upload, play, seek, pick a quality."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Sample
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from stack.paths import VAR
from stack.stack import Stack

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PLAYS_MILLISECONDS = 20_000
READY_MILLISECONDS = 120_000


@pytest.fixture(scope="module")
def browser(stack: Stack, work_folder: Path) -> Iterator[Browser]:
    """Chromium with a home folder of its own, in which the local authority is trusted."""
    home = work_folder / "browser-home"
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    database = ["-d", f"sql:{store}"]
    subprocess.run(["certutil", *database, "-N", "--empty-password"], check=True)
    trust = ["-A", "-t", "C,,", "-n", "spillway", "-i", str(stack.keys.ca)]
    subprocess.run(["certutil", *database, *trust], check=True)
    with sync_playwright() as playwright:
        environment: dict[str, str | float | bool] = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, env=environment)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The web app, opened with the API key as the demo prints it; a picture of it stays in var."""
    errors: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 860})
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{stack.client.base}/#key={stack.keys.api_key}")
    yield opened
    shots = VAR / "screenshots"
    shots.mkdir(exist_ok=True)
    opened.screenshot(path=shots / f"{request.node.name}.png")
    opened.close()
    assert not errors, errors


def open_video(page: Page, sample: Sample) -> Locator:
    """Follows the video's card to its player."""
    page.locator(f'[data-testid="video-card"][data-video="{sample.id}"]').click()
    player = page.get_by_test_id("player")
    expect(player).to_be_visible()
    return player


def play_beyond(page: Page, player: Locator, seconds: float) -> None:
    """Starts playback, muted as a browser wants it, and returns once the position is past `seconds`."""
    page.wait_for_function(
        """([video, seconds]) => {
            video.muted = true;
            // A `play` before the player has attached its source is broken off by that.
            if (video.paused && video.readyState >= 2) video.play().catch(() => {});
            return video.currentTime > seconds && !video.error;
        }""",
        arg=[player.element_handle(), seconds],
        timeout=PLAYS_MILLISECONDS,
    )


def test_it_plays_seeks_and_changes_quality(page: Page, sample: Sample) -> None:
    player = open_video(page, sample)
    play_beyond(page, player, 1.0)
    duration = player.evaluate("video => video.duration")
    source = max(stream.seconds for stream in sample.source)
    assert abs(duration - source) < 0.5
    assert player.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > 0

    two_thirds = duration * 2 / 3
    player.evaluate("(video, seconds) => { video.currentTime = seconds; }", two_thirds)
    play_beyond(page, player, two_thirds + 1)

    menu = page.get_by_test_id("quality-menu")
    expect(menu).to_be_visible()
    expect(menu).to_be_enabled()
    choices = menu.locator("option").all_inner_texts()
    for rung in sample.video["renditions"]:
        assert any(rung in choice for choice in choices), f"{rung} is not in the menu: {choices}"
    lowest = min(sample.video["renditions"], key=lambda rung: int(rung.rstrip("p")))
    height = 234 if lowest == "240p" else int(lowest.rstrip("p"))
    menu.select_option(label=next(choice for choice in choices if lowest in choice))
    player.evaluate("video => { video.currentTime = 0.5; }")
    page.wait_for_function(
        "([video, height]) => video.videoHeight === height && video.currentTime > 1",
        arg=[player.element_handle(), height],
        timeout=PLAYS_MILLISECONDS,
    )


def test_scenes_below_the_player_are_to_jump_by(page: Page, sample: Sample) -> None:
    """They are cut from the sprites, which come from the edge."""
    sheets: list[int] = []
    page.on("response", lambda answer: sheets.append(answer.status) if answer.url.endswith("/sprite-0.jpg") else None)
    player = open_video(page, sample)
    play_beyond(page, player, 0.5)
    scenes = page.get_by_test_id("scene")
    expect(scenes.first).to_be_visible()
    assert 2 <= scenes.count() <= 12
    assert scenes.first.get_attribute("aria-label") == "Go to 0:00"
    page.wait_for_function("() => performance.getEntriesByType('resource').some(e => e.name.endsWith('/sprite-0.jpg'))")
    assert set(sheets) == {200}, sheets
    last = scenes.last
    minutes, _, seconds = (last.get_attribute("aria-label") or "").removeprefix("Go to ").partition(":")
    start = int(minutes) * 60 + int(seconds)
    assert start > 5
    last.click()
    assert player.evaluate("video => video.currentTime") >= start - 0.1
    play_beyond(page, player, start + 0.3)


def test_a_card_shows_a_preview_while_the_pointer_is_on_it(page: Page, sample: Sample) -> None:
    card = page.locator(f'[data-testid="video-card"][data-video="{sample.id}"]')
    expect(card).to_be_visible()
    assert card.get_by_test_id("preview").count() == 0
    card.hover()
    preview = card.get_by_test_id("preview")
    expect(preview).to_be_visible()
    page.wait_for_function(
        "video => video.readyState >= 2 && video.currentTime > 0.2 && video.muted",
        arg=preview.element_handle(),
        timeout=PLAYS_MILLISECONDS,
    )
    page.mouse.move(0, 0)
    expect(preview).to_have_count(0)


def test_an_upload_through_the_page_becomes_playable(page: Page, stack: Stack, clip: Path) -> None:
    known = {video["id"] for video in stack.client.call("GET", "/v1/videos")["videos"]}
    page.get_by_test_id("upload-input").set_input_files(clip)
    page.wait_for_function(
        "known => fetch('/v1/videos').then(r => r.json()).then(a => a.videos.some(v => !known.includes(v.id)))",
        arg=list(known),
        timeout=PLAYS_MILLISECONDS,
    )
    made = next(v for v in stack.client.call("GET", "/v1/videos")["videos"] if v["id"] not in known)
    assert stack.client.wait_until_done(made["id"], READY_MILLISECONDS / 1000)["status"] == "READY"
    card = page.locator(f'[data-testid="video-card"][data-video="{made["id"]}"]')
    expect(card.get_by_test_id("status")).to_have_text(re.compile("ready", re.IGNORECASE), timeout=PLAYS_MILLISECONDS)


def test_a_visitor_without_the_key_may_watch(browser: Browser, stack: Stack, sample: Sample) -> None:
    page = browser.new_page()
    page.goto(stack.client.base)
    play_beyond(page, open_video(page, sample), 0.5)
    page.close()
