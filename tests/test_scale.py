"""Scale and cloud: the toy on the circle by the model's own functions, and the page that computes the same."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import traitlets

from salon.figures.geometry import on_circle, one_part, pulls
from salon.figures.scale import NAMES, Toy
from salon.model.losses import identification_logits, margin_loss, posterior
from salon.model.matching import likelihood_scores
from salon.widgets.host import png, words
from salon.widgets.scale import ScaleAndCloud
from salon.words import SalonError

CELLS = "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent.replace('−', '-')))"


def told(toy: Toy) -> dict[str, torch.Tensor]:
    """What the losses say of a toy: "posterior" (5) [B, N], "loss" (8) [B], and "scores" (16) [B, N + B].

    "pull" [B] and "drag" [1] are minus the slope of the loss over the angle, in nats per radian, of the images and of
    their own prototype. The scores are of each image with the prototypes, as if these had no variance, and with all.
    """
    images, prototypes, labels = on_circle(toy.angles), on_circle(toy.people), torch.zeros(len(toy.angles)).long()
    part = one_part(images, toy.confidences, torch.tensor(toy.variances, dtype=torch.float64))
    points = one_part(prototypes, torch.ones(len(prototypes)), torch.zeros(len(prototypes), dtype=torch.float64))
    moves = pulls(images, prototypes, toy.confidences, toy.margin)
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)  # x @ turn: along the circle
    pull, drag = ((move * (x @ turn)).sum(1) for move, x in zip(moves, (images, prototypes), strict=True))
    return {
        "posterior": posterior(part, prototypes[:, None]),
        "loss": margin_loss(identification_logits(part, prototypes[:, None]), labels, toy.margin),
        "pull": pull, "drag": drag[:1],
        "scores": torch.cat([likelihood_scores(part, points), likelihood_scores(part, part)], 1),
    }  # fmt: skip


def shown(page) -> list[list[str]]:
    """The cells of both tables, heads apart, row by row."""
    return page.locator("tbody tr").evaluate_all(CELLS)


def expected(toy: Toy, chosen: int) -> list[list[float]]:
    """The numbers of both tables by torch: s, P, loss, pull; then cosine, P (of prototypes) and score of one image."""
    says = told(toy)
    first = zip(toy.confidences.tolist(), says["posterior"][:, 0].tolist(), says["loss"].tolist(),
                says["pull"].abs().tolist(), strict=True)  # fmt: skip
    others = [*range(len(toy.people)), *(len(toy.people) + k for k in range(len(NAMES)) if k != chosen)]
    between = torch.tensor(toy.angles[chosen]) - torch.tensor([*toy.people, *toy.angles])
    cosines, scores = torch.deg2rad(between).cos(), says["scores"][chosen]
    against = [[float(cosines[j]), *says["posterior"][chosen][j : j + 1].tolist(), float(scores[j])] for j in others]
    return [*map(list, first), *against]


def assert_shown(page, toy: Toy, chosen: int = 1) -> None:
    rows = [[float(cell) for cell in row[1:] if cell] for row in shown(page)]
    for row, numbers in zip(rows, expected(toy, chosen), strict=True):
        assert row == pytest.approx(numbers, abs=0.051 if len(row) == 4 else 0.006)


def test_told_is_what_the_derivatives_say():
    toy, step = Toy(each=True), 1e-4
    for i in range(3):
        moved = [replace(toy, angles=[a + way * step * (k == i) for k, a in enumerate(toy.angles)]) for way in (1, -1)]
        rise = [told(one)["loss"][i] for one in moved]
        slope = (rise[0] - rise[1]) / (2 * step * torch.pi / 180)
        assert float(told(toy)["pull"][i]) == pytest.approx(-float(slope), abs=1e-4)
    moved = [replace(toy, people=(90 + way * step, 210, 330)) for way in (1, -1)]
    slope = (told(moved[0])["loss"].sum() - told(moved[1])["loss"].sum()) / (2 * step * torch.pi / 180)
    assert float(told(toy)["drag"]) == pytest.approx(-float(slope), abs=1e-4)


def test_one_scale_is_pulled_by_the_hopeless_and_one_for_each_by_the_hard():
    hardest = [NAMES[int(told(Toy(each=each))["pull"].abs().argmax())] for each in (False, True)]
    assert hardest == ["hopeless", "hard"]


@pytest.mark.parametrize("change", [{"own": (1.0, 2.0)}, {"variances": (0.0, 1, 1)}, {"angles": (0, 1, float("nan"))},
                                    {"scale": -1.0}, {"people": ()}])  # fmt: skip
def test_a_toy_that_cannot_be_is_refused(change: dict):
    with pytest.raises(SalonError, match="expected"):
        Toy(**change)
    with pytest.raises((SalonError, traitlets.TraitError), match="toy"):
        ScaleAndCloud().toy = asdict(Toy()) | change
    with pytest.raises(SalonError, match="expected 0 to 2"):
        ScaleAndCloud().chosen = 3


def test_the_plain_form_moves_its_picture():
    widget = ScaleAndCloud()
    scale, margin, image = widget.plain().children
    assert (scale.value, margin.value) == (28, 8)  # as the widget stands
    before, scale.value = image.value, 8
    assert widget.toy["scale"] == 8 and image.value != before
    before, margin.value = image.value, 0
    assert widget.toy["margin"] == 0 and image.value != before and len(png(widget.figure())) > 10_000


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_works_by_keyboard_alone(visit, lang: str):
    texts, toy = words("scale", lang), Toy()
    page = visit(ScaleAndCloud(lang=lang).page(lang))
    assert page.locator(".salon-arrow").count() == 0 and shown(page)[0][-1] == "?"  # a guess first
    page.locator("button[value=hopeless]").press("Enter")
    assert texts["right"] in page.locator(".salon-said").inner_text()
    assert_shown(page, toy)
    page.get_by_role("radio", name=texts["one"]).press("ArrowRight")
    assert_shown(page, toy := replace(toy, each=True))
    page.get_by_role("slider", name=texts["scale"], exact=True).press("ArrowRight")  # of the chosen image
    page.get_by_role("slider", name=texts["margin"]).press("Home")
    page.get_by_role("slider", name=texts["variance"]).press("ArrowRight")
    assert_shown(page, toy := replace(toy, own=(24, 12.5, 3), margin=0, variances=(0.02, 0.07, 0.25)))
    page.get_by_role("slider", name=texts["hopeless"]).press("ArrowUp")
    page.get_by_role("slider", name="w₂").press("PageDown")
    assert_shown(page, replace(toy, angles=(70, 136, 8), people=(90, 195, 330)), 2)
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert_shown(page, Toy())


@pytest.mark.browser
def test_images_and_prototypes_are_dragged_by_mouse_and_by_finger(chromium, tmp_path: Path):
    (tmp_path / "page.html").write_text(ScaleAndCloud().page("en"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 900}, has_touch=True, color_scheme="dark")
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("button[value=hard]").tap()
    assert "You guessed: hard" in page.locator(".salon-said").inner_text()

    def place(index: int) -> tuple[float, float]:
        """The middle of a handle: three prototypes, then three images."""
        box = page.locator(".salon-handle > *").nth(index).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    box = page.locator(".salon-circle").bounding_box()
    page.mouse.move(*place(5))  # the hopeless image, to the left
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert_shown(page, replace(Toy(), angles=(70, 136, 180)), 2)
    page.touchscreen.tap(*place(3))  # the sharp one is chosen
    assert page.locator(".salon-handle.chosen").get_attribute("aria-label") == "sharp"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # nothing is near
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.up()
    assert page.locator(".salon-handle").nth(5).get_attribute("aria-valuetext") == "180°"
    page.close()
