"""The game: what a loss tells a sub-embedding, by the gradients of the model's own losses; the page; the table."""

from pathlib import Path

import pytest
import torch
import traitlets

from salon.evaluation.results import read_table
from salon.faces.variations import VARIATIONS
from salon.figures.game import GROUPS, LOSSES, RULES, probe_matrix, touched
from salon.model.decorrelation import Discriminator, adversarial_loss, classification_loss, discriminator_loss
from salon.model.decorrelation import variation_masks as draw
from salon.model.embedding import Embedding
from salon.widgets.game import Game
from salon.widgets.host import png, words
from salon.words import SalonError

K, M = 8, len(VARIATIONS)
TOLD = "cells => cells.map((cell) => cell.dataset.told)"


@pytest.fixture(scope="module")
def game() -> Game:
    return Game(read_table("ablation"), lang="en")


def expected(masks: torch.Tensor, loss: str, rule: str) -> list[str]:
    """What each cell of the page says, row by row: "10" to show, "01" to hide."""
    return ["".join(str(int(way)) for way in cell) for row in touched(masks, loss, rule).tolist() for cell in row]


@pytest.mark.parametrize("rule", ["others", "rest"])
def test_touched_is_where_the_losses_have_a_gradient(rule: str):
    """C asks about one variation alone: its other weights are zero, and its labels are known."""
    masks = draw(M, K, torch.Generator().manual_seed(3))
    for t in range(M):
        judge = Discriminator(K, 4, M)
        with torch.no_grad():
            judge.linear.bias.fill_(0.7)
            judge.linear.weight[[m for m in range(M) if m != t]] = 0
        features = torch.nn.functional.normalize(torch.randn(6, K, 4), dim=-1).requires_grad_()
        embedding, labels = Embedding(features, torch.ones(6, K)), torch.ones(6, M)
        losses = {"classification": classification_loss(judge, embedding, masks, labels).sum(),
                  "adversary": adversarial_loss(judge, embedding, masks, rule).sum()}  # fmt: skip
        for way, (name, loss) in enumerate(losses.items()):
            (gradient,) = torch.autograd.grad(loss, features)
            reached = gradient.abs().amax((0, 2)) > 0
            assert reached.tolist() == touched(masks, name, rule)[t, :, way].tolist()
        assert not touched(masks, "discriminator", rule).any()
        loss = discriminator_loss(judge, embedding, masks, labels, rule).sum()
        assert torch.autograd.grad(loss, features, allow_unused=True)[0] is None


def test_under_13_shared_ones_are_told_both_and_under_rest_none():
    masks = draw(M, K, torch.Generator().manual_seed(0))
    both = touched(masks, "both").all(-1)
    assert (both == masks & (masks.sum(0) > 1)).all() and both.any()
    assert not touched(masks, "both", "rest").all(-1).any() and not touched(masks, "both", "none").any()


def test_probes_are_the_means_of_the_table():
    table = read_table("ablation")
    rows = (table.configuration == "E") & (table.condition == "pose") & (table.metric == "probe_shared")
    probes = probe_matrix(table)
    assert probes["others"][2][1] == pytest.approx(table[rows].value.mean(), abs=5e-4)
    assert {len(row) for matrix in probes.values() for row in matrix} == {len(GROUPS)}
    assert probe_matrix(table[~rows])["others"][2][1] is None
    shared, alone = ([row[group] for row in probes["others"]] for group in (1, 0))
    assert all(a > s + 0.05 for a, s in zip(alone, shared, strict=True))  # what the verdict tells


def test_what_cannot_be_is_refused(game: Game):
    with pytest.raises(SalonError, match="expected one of"):
        touched(draw(M, K), "loss", "others")
    with pytest.raises(SalonError, match="masks came as"):
        Game(read_table("ablation"), draw(2, K))
    for name, value in (("rule", "all"), ("loss", "(6)"), ("variation", 3)):
        with pytest.raises(traitlets.TraitError):
            setattr(game, name, value)
    for bad in ([], [[1, 0]] * M + [[1]], [[1, 2]] * M):
        with pytest.raises(SalonError, match="masks"):
            game.masks = bad


def test_the_plain_form_moves_its_picture(game: Game):
    rule, image = game.plain().children
    before, rule.value = image.value, "rest"
    assert image.value != before and len(png(game.figure())) > 10_000
    rule.value = "others"


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_works_by_keyboard_alone(visit, game: Game, lang: str):
    texts, masks = words("game", lang), torch.tensor(game.masks)
    page = visit(game.page(lang))
    cells, probes = page.locator(".salon-cell"), page.locator(".salon-probe")
    assert set(cells.evaluate_all(TOLD)) == {"00"} and set(probes.all_inner_texts()) == {"?"}  # a guess first
    page.locator("button[value=conflict]").press("Enter")
    assert texts["right"] in page.locator(".salon-said").inner_text()
    for loss in LOSSES:
        for rule in RULES:
            page.get_by_role("radio", name=texts[loss], exact=True).press("Space")
            page.get_by_role("radio", name=texts[rule], exact=True).press("Space")
            assert cells.evaluate_all(TOLD) == expected(masks.bool(), loss, rule)
            shown = [float(text) for text in probes.all_inner_texts()]
            assert shown == pytest.approx([x for row in game.probes[rule] for x in row], abs=0.006)
    assert page.locator(".salon-stop").count() == 1  # of (11), the last loss
    page.get_by_role("button", name=texts["low_resolution"]).press("ArrowDown")
    assert (
        page.locator(".salon-variation[aria-pressed=true]").get_attribute("aria-label").startswith(texts["occlusion"])
    )
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert cells.evaluate_all(TOLD) == expected(masks.bool(), "both", "others")


@pytest.mark.browser
def test_masks_are_redrawn_and_rows_chosen_by_mouse_and_by_finger(chromium, game: Game, tmp_path: Path):
    (tmp_path / "page.html").write_text(game.page("en"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 900}, has_touch=True, color_scheme="dark")
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("button[value=hide]").tap()
    assert "You guessed: hide it" in page.locator(".salon-said").inner_text()
    drawn = set()
    for _ in range(6):
        page.get_by_role("button", name="Draw new masks").click()
        own = page.locator(".salon-cell").evaluate_all("cells => cells.map((cell) => +cell.classList.contains('own'))")
        masks = torch.tensor(own).view(M, K)
        assert masks.sum(1).tolist() == [K // 2] * M and len({tuple(row) for row in masks.tolist()}) == M
        assert page.locator(".salon-cell").evaluate_all(TOLD) == expected(masks.bool(), "both", "others")
        drawn.add(tuple(own))
    assert len(drawn) > 1
    page.locator(".salon-variation").nth(2).tap()
    assert page.locator(".salon-summary").inner_text().startswith("pose: ")
    page.close()
