"""What is shipped is what its commands make: one generator, the same faces, the same figures."""

import json

import numpy as np
import pytest
import torch

from authoring.test_people import fingerprints, stored_fingerprints
from experiments.bench import LIVE_IMAGES, LIVE_PEOPLE, live_pair
from experiments.people import render_scenes, sample_scenes
from experiments.tables import write_table
from salon import lecture
from salon.evaluation import people
from salon.evaluation.benchmark import black_hole
from salon.evaluation.people import KINDS, TEST_IMAGES, TEST_PEOPLE
from salon.evaluation.results import read_provenance, read_table
from salon.faces.people import GENERATOR_VERSION
from salon.lecture.views import PAGES, write_page
from salon.model.network import embed
from salon.paths import data_path, data_root
from salon.training import checkpoints
from salon.training.attributes import load_attributes
from salon.training.shipped import load
from salon.words import SalonError

MODELS = sorted(path.stem for path in (data_root() / "models").glob("*.safetensors"))
TABLES = sorted(path.stem for path in (data_root() / "results").glob("*.csv"))


@pytest.fixture(scope="module")
def benchmark():
    return people.test_benchmark()


@pytest.mark.parametrize("name", MODELS)
def test_each_model_is_trained_on_the_faces_as_they_are_drawn_now(name):
    path = data_path("models", f"{name}.safetensors")
    card = checkpoints.read_card(path)
    assert card["generator"] == GENERATOR_VERSION and card["trained_on"] == "rendered people only"
    if name == "attributes":  # not a recogniser
        model = load_attributes(path)
    else:
        model, _ = checkpoints.load(path)
        assert card["step"] == card["recipe"]["steps"] and card["recipe"]["name"] == name
    assert sum(p.numel() for p in model.parameters()) <= 1_000_000


@pytest.mark.parametrize("name", TABLES)
def test_each_table_says_where_it_comes_from(name):
    facts = read_provenance(name)
    assert facts["generator"] == GENERATOR_VERSION
    experiment = "length" if name in ("ablation", "claims", "differences") else name
    assert facts["command"].split(" --")[0] == f"salon reproduce {experiment}"
    assert facts["commit"] and facts["torch"] and not (experiment == "length" and facts["commit"].endswith("+"))
    table = read_table(name)
    if name in ("claims", "differences", "parts"):  # with columns of their own
        assert table["mean"].between(table.low, table.high).all() and (table.smallest >= 0).all()
        return
    differences = (table.condition == "excess") | table.metric.str.contains("correlation")
    unbounded = table.metric.isin(["confidence", "variance", "pull", "gradient_noise", "seconds"])
    assert len(table) and (table.n > 0).all() and table.value[~unbounded].between(-1, 1).all()
    assert table.value[~differences].ge(0).all() and table.value[unbounded].gt(0).all()


def test_the_shipped_people_are_the_test_split(benchmark):
    assert len(benchmark.scenes.people) == TEST_PEOPLE
    assert len(benchmark.straight) == TEST_PEOPLE * TEST_IMAGES
    stored, drawn = benchmark.scenes.tensors(), sample_scenes("test", TEST_PEOPLE).tensors()
    assert all(torch.allclose(stored[name], drawn[name], atol=1e-4) for name in drawn)
    assert sum(path.stat().st_size for path in (data_root() / "faces").iterdir()) <= 15_000_000


def test_the_shipped_pictures_are_what_their_numbers_draw(benchmark):
    """The first three people drawn again: another CPU may round a byte the other way."""
    scenes, n = benchmark.scenes, 3 * TEST_IMAGES
    few = people.Scenes(scenes.people[:3], scenes.straight[:n], scenes.turned[:n], scenes.lit[: n // 2])
    again = render_scenes(few, progress=False)
    for kind in KINDS:
        images = getattr(again, kind)
        assert (images - getattr(benchmark, kind)[: len(images)]).abs().mean() < 1 / 255


def test_the_shipped_degradations_are_the_same_pixels_here(benchmark):
    """Tolerances: see test_benchmark.py."""
    stored = stored_fingerprints(data_root() / "faces")
    for name, now in fingerprints(benchmark).items():
        assert (stored[name] - now).abs().max() < (0.01 if name == "jpeg" else 1e-4), name


def test_the_bench_times_the_live_pair_of_notebook_03():
    """The notebook spells its two recipes out; what `salon bench live` times must be the same two."""
    notebook = json.loads((data_root().parent / "notebooks" / "03_experiments.ipynb").read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    (source,) = [text for text in sources if "fixed = recipe(" in text]
    facts = read_provenance("ablation")
    names: dict = {"chosen": facts["chosen"]["3000"], "lecture": lecture}
    exec(source, names)
    assert (names["fixed"], names["learned"]) == live_pair(facts)
    assert any(f"train_set(people={LIVE_PEOPLE}, images={LIVE_IMAGES}, " in text for text in sources)


def test_confidences_fall_as_a_face_degrades(benchmark):
    model = load("lecture")
    pictures = [benchmark.images(name)[:160] for name in ("clean", "low_resolution", "occlusion")]
    clean, low, hidden = (embed(model, images).confidences.mean() for images in pictures)
    assert clean > low > hidden


def test_the_black_hole_adds_up(benchmark):
    share = black_hole(load("lecture"), benchmark, top=500)
    assert share.shape == (4, 4) and share.sum() == pytest.approx(1)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_is_stored_makes_small_pages(tmp_path, lang):
    for name in PAGES:
        most = {"explorer": 1_800_000, "two": 1_800_000, "map": 800_000, "hole": 900_000}.get(name, 400_000)
        write_page(name, tmp_path / f"{name}.html", lang)
        text = (tmp_path / f"{name}.html").read_text("utf-8")
        assert len(text.encode()) < most and "http://" not in text.replace("http://www.w3.org", "")
    with pytest.raises(SalonError, match="explorer"):
        write_page("maps", tmp_path / "x.html")


def test_a_table_of_other_faces_is_refused(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("experiments.tables.data_root", lambda: tmp_path)
    monkeypatch.setattr("salon.paths.data_root", lambda: tmp_path)
    row = {"experiment": "x", "configuration": "C", "seed": 0, "split": "test", "condition": "clean"}
    path = write_table("x", [row | {"metric": "eer", "value": 0.25, "n": 8}], "salon reproduce x")
    assert np.isclose(read_table("x").value.item(), 0.25)
    facts = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(facts | {"generator": "0"}))
    with pytest.raises(SalonError, match="salon reproduce x"):
        read_table("x")
