"""Words, filters as chips, images, dates, the address: what is found, and what the page shows of it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.fixtures.visits import Serving, Visit, Visiting


def test_the_newest_photographs_come_first(visit: Visit) -> None:
    page = visit.open()
    expect(page.locator("#counted")).to_have_text(re.compile(r"^\d+ photographs, the newest first$"))
    dates = page.evaluate(
        "fetch('/api/v1/items?sort=-date&kind=image').then(a => a.json()).then(a => a.items.map(i => i.name))"
    )
    assert visit.names() == dates[:5]
    visit.shot("newest")


def test_words_find_and_say_how_well(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cat")
    assert visit.names(1) == ["chelsea.jpg"]
    expect(page.locator('.tile[data-index="0"] .how')).to_have_text(re.compile(r"^\d+ %$"))
    assert page.locator(".tile.weak").count() > 0, "what matches badly is dimmed"
    visit.shot("words")


def test_nothing_that_matches_is_said(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a giraffe")
    expect(page.locator("#summary")).to_contain_text("Nothing here matches well; these are the nearest.")


def test_filters_become_chips_and_go_by_a_click(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cup camera:canon in:2018..2020 -people")
    chips = page.locator(".chip-list .chip-text")
    expect(chips).to_have_text(["camera: canon", "in: 2018..2020", "not people"])
    page.get_by_role("button", name="Take away in: 2018..2020").click()
    expect(chips).to_have_text(["camera: canon", "not people"])
    expect(page.locator("#line")).to_have_value("a cup camera:canon -people")
    assert "camera%3Acanon" in page.url
    page.keyboard.type("s")  # goes on behind what is left
    expect(page.locator("#line")).to_have_value("a cup camera:canon -peoples")


def test_the_menu_of_filters_completes_their_values(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("button", name="filter").click()
    page.get_by_role("menuitem", name="Camera").click()
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("camera:")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".chip-list .chip")).to_have_count(1)
    expect(page.locator("#counted")).to_have_text(re.compile(r"^\d+ photographs$"))


def test_fields_are_completed_and_enter_belongs_to_who_did_not_choose(visit: Visit) -> None:
    page = visit.open()
    page.locator("#line").press_sequentially("cam")
    expect(page.get_by_role("option").filter(has_text="camera:")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#line")).to_have_value("cam")
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_the_history_goes_back_a_search_at_a_time(visit: Visit) -> None:
    page = visit.open()
    page.locator("#line").press_sequentially("a cat", delay=60)
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=a+cat")
    visit.ask("a rocket")
    page.keyboard.press("Enter")
    page.go_back()
    expect(page.locator("#line")).to_have_value("a cat")
    page.locator("body:not(.waiting)").wait_for()
    page.go_back()
    expect(page.locator("#line")).to_have_value("")


#: Hands a file to the page, as a paste or a drop does.
HAND_OVER = """([how, content]) => {
    const bytes = Uint8Array.from(atob(content), one => one.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "image.jpg", { type: "image/jpeg" }));
    const common = { bubbles: true, cancelable: true };
    if (how === "paste") document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, ...common }));
    else for (const step of ["dragenter", "dragover", "drop"]) {
        document.dispatchEvent(new DragEvent(step, { dataTransfer: data, ...common }));
    }
}"""


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_an_image_is_asked_with_and_words_join_it(visit: Visit, serving: Serving, how: str) -> None:
    page = visit.open()
    content = next(serving.photos.rglob("chelsea.jpg")).read_bytes()
    page.evaluate(HAND_OVER, [how, base64.b64encode(content).decode()])
    expect(page.locator(".chip.image img")).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()
    page.wait_for_url("**like%3Aupload%3A**")
    page.locator("body:not(.waiting)").wait_for()
    assert visit.names(1) == ["chelsea.jpg"]
    expect(page.locator("#line")).to_have_value("")
    page.locator("#line").fill("a motorcycle")
    page.wait_for_url("**a+motorcycle+like%3Aupload**")
    page.locator("body:not(.waiting)").wait_for()
    assert {"motorcycle_left.jpg", "motorcycle_right.jpg"} & set(visit.names(6))
    visit.shot("image-and-words")
    page.get_by_role("button", name="Take away the image").click()
    expect(page.locator(".chip.image")).to_have_count(0)


def test_a_chosen_file_that_is_no_image_is_refused_in_a_sentence(visit: Visit, tmp_path: Path) -> None:
    page = visit.open()
    wrong = tmp_path / "notes.png"
    wrong.write_text("no image")
    page.locator("#image-file").set_input_files(wrong)
    expect(page.locator("#toast")).to_have_text(
        "“notes.png” cannot be used: its content is no image format that can be read; send a JPEG, PNG, WebP or HEIC."
    )
    assert len(visit.complaints) == 1, "the browser notes the refusal"
    visit.complaints.clear()


def test_a_range_of_dates_is_brushed_and_moved_with_keys(visit: Visit) -> None:
    page = visit.open()
    page.locator(".bar").first.wait_for(state="attached")
    expect(page.locator(".plot")).to_be_visible()
    box = page.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 20, steps=5)
    page.mouse.up()
    chip = page.locator('.chip[data-field="in"] .chip-text')
    expect(chip).to_have_text(re.compile(r"^in: \d{4}-\d\d\.\.\d{4}-\d\d$"))
    before = chip.text_content()
    visit.shot("dates")
    page.get_by_role("slider", name="From").focus()
    page.keyboard.press("ArrowRight")
    expect(chip).not_to_have_text(before or "")
    page.keyboard.press("Home")
    page.get_by_role("slider", name="To").focus()
    page.keyboard.press("End")
    expect(page.locator('.chip[data-field="in"]')).to_have_count(0)


@pytest.mark.parametrize("wrong", ["camra:canon", "a cat in:2021-02-30", "like:cat.jpg"])
def test_what_stays_under_a_wrong_line_does_not_pretend_to_be_its_answer(visit: Visit, wrong: str) -> None:
    page = visit.open()
    visit.ask("a cat")
    expect(page.locator('.tile[data-index="0"] .how')).to_be_visible()
    page.locator("#line").fill(wrong)
    expect(page.locator("#summary .wrong")).to_be_visible()
    assert visit.names(1) == ["chelsea.jpg"], "nothing jumps while somebody types"
    expect(page.locator("#summary")).to_contain_text("Dimmed below: what was found before, for “a cat”.")
    expect(page.locator('.tile[data-index="0"]')).to_have_css("opacity", "0.3")
    expect(page.locator('.tile[data-index="0"] .how')).to_be_hidden()
    expect(page.locator("#counted")).to_have_text("")
    visit.shot("wrong")
    visit.ask("a rocket")
    expect(page.locator('.tile[data-index="0"]')).to_have_css("opacity", "1")
    expect(page.locator("#summary")).not_to_contain_text("Dimmed")
    visit.complaints.clear()  # the browser notes the refusal


def test_what_a_sorted_answer_leaves_out_is_said(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cat sort:date")
    expect(page.locator("#summary")).to_contain_text(
        "What is less probable than 5 % is left out; a lower min: sorts more."
    )
    visit.ask("a cat")
    expect(page.locator("#summary")).not_to_contain_text("is left out")


def test_the_query_image_is_marked_among_its_hits(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cat")
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("s")
    page.wait_for_url("**/?q=like*")
    page.locator("body:not(.waiting)").wait_for()
    assert [", the query image" in label for label in visit.labels(3)] == [True, False, False]
    expect(page.locator('.tile[data-index="0"] .how')).to_contain_text("the query image")
    page.get_by_role("button", name="Take away the image").click()
    visit.ask("a rocket")
    assert not any("query image" in label for label in visit.labels(50))


def test_the_help_shows_lines_that_run(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("button", name="Help (?)").click()
    assert page.locator(".example").count() == 20
    visit.shot("help")
    shown = page.locator(".example code").all_text_contents()
    statuses = page.evaluate(
        """lines => Promise.all(lines.map(q =>
            fetch(`/api/v1/search?${new URLSearchParams({ q })}`).then(answer => answer.status)))""",
        shown,
    )
    assert [line for line, status in zip(shown, statuses, strict=True) if status != 200] == []
    assert [re.sub(r"\d+", "N", line) for line in shown if "like:" in line] == ["like:#N", "like:#N + red"]
    page.locator(".example").filter(has_text="animal -cat").click()
    page.wait_for_url("**/?q=animal+-cat")
    expect(page.locator(".chip.minus")).to_have_text(re.compile("not cat"))


@pytest.mark.parametrize("touch", [False, True])
def test_the_first_and_the_last_bar_are_clicked_though_handles_lie_there(visiting: Visiting, touch: bool) -> None:
    visit = visiting(width=390 if touch else 1280, has_touch=touch, is_mobile=touch)
    page = visit.open()
    if touch:
        page.get_by_role("button", name="Dates").tap()
    page.locator(".bar").first.wait_for(state="attached")
    plot = page.locator(".plot")
    expect(plot).to_be_visible()
    press = plot.tap if touch else plot.click  # when it has stopped moving
    chips = []
    for end in (0, 1):
        width = plot.bounding_box()["width"]
        press(position={"x": width - 3 if end else 3, "y": 30})
        chip = page.locator('.chip[data-field="in"] .chip-text')
        expect(chip).to_have_text(re.compile(r"^in: \d{4}-\d\d$"))
        chips.append(chip.text_content())
        page.get_by_role("button", name=re.compile("Take away in")).click()
        expect(chip).to_have_count(0)
    found = page.evaluate("fetch('/api/v1/histogram?by=month').then(answer => answer.json())")
    months = sorted(bucket["start"][:7] for bucket in found if bucket["count"])
    assert chips == [f"in: {months[0]}", f"in: {months[-1]}"]


def test_a_line_that_is_too_long_is_not_cut_and_said(visit: Visit) -> None:
    page = visit.open()
    before = page.url
    page.locator("#line").fill("word " * 2_400)
    expect(page.locator("#toast")).to_have_text("The query has 11,999 characters, more than 10,000; say it shorter.")
    assert page.url == before
    assert len(page.locator("#line").input_value()) == 12_000
    page.locator("#line").fill("a cat")
    page.wait_for_url("**a+cat**")
