"""InsightFace's `.bin` sets are read, and no pickle can make the reader do anything else."""

import io
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from salon.faces import insightface
from salon.faces.insightface import read_insightface
from salon.words import SalonError


def encoded(colour, size=(10, 8), kind="PNG", mode="RGB"):
    """An encoded image of one colour; `size` is width and height."""
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


IMAGES = [encoded((40 * i, 255 - 40 * i, 7)) for i in range(6)]
SAME = [True, False, True]


def write(path, images, same, protocol=4):
    path.write_bytes(pickle.dumps((images, same), protocol))
    return path


def python_2(images, same):
    """What Python 2 wrote with protocol 2: its strings are today's bytes."""
    texts = b"".join(b"T" + len(image).to_bytes(4, "little") + image for image in images)
    truths = b"".join(b"\x88" if value else b"\x89" for value in same)
    return b"\x80\x02](" + texts + b"e](" + truths + b"e\x86."


def expect_the_pairs(file):
    images, same = read_insightface(file)
    assert images.shape == (6, 3, 8, 10) and images.dtype == torch.float32
    assert same.tolist() == SAME and same.dtype == torch.bool
    for i, image in enumerate(images):
        colour = torch.tensor([40 * i, 255 - 40 * i, 7]) / 255
        torch.testing.assert_close(image, colour[:, None, None].expand(3, 8, 10), rtol=0, atol=0)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "images", [IMAGES, tuple(IMAGES), [np.frombuffer(i, np.uint8) for i in IMAGES]], ids=["list", "tuple", "arrays"]
)
@pytest.mark.parametrize(
    "same",
    [SAME, tuple(SAME), [1, 0, 1], [np.bool_(s) for s in SAME], np.array(SAME)],
    ids=["list", "tuple", "numbers", "scalars", "array"],
)
def test_images_and_truth_values_of_every_kind_are_read(tmp_path, images, same, protocol):
    expect_the_pairs(write(tmp_path / "set.bin", images, same, protocol))


def test_a_file_of_python_2_is_read(tmp_path):
    (tmp_path / "old.bin").write_bytes(python_2(IMAGES, SAME))
    expect_the_pairs(tmp_path / "old.bin")


def test_a_real_set_is_read(real_faces):
    file = real_faces / "insightface_bin" / "small_lfw.bin"
    images, same = read_insightface(file)
    assert images.shape == (20, 3, 112, 112) and same.tolist() == [True] * 10
    assert images.min() >= 0 and images.max() <= 1
    trusted, _ = pickle.loads(file.read_bytes())
    for image, data in zip(images, trusted, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))
        np.testing.assert_array_equal(np.round(image.numpy().transpose(1, 2, 0) * 255), pixels)


class Command:
    """Pickled, it asks whoever unpickles it to run a function."""

    def __init__(self, run, *arguments):
        self.call = run, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("run", [os.system, eval, exec, os.mkdir, getattr, np.load], ids=lambda run: run.__name__)
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(tmp_path, run, protocol):
    mark = tmp_path / "was_run"
    orders = {os.system: f"mkdir {mark}", os.mkdir: str(mark)}
    file = tmp_path / "set.bin"
    order = orders.get(run, f"__import__('os').mkdir({str(mark)!r})")
    write(file, [Command(run, order)] * 2, [True], protocol)
    with pytest.raises(SalonError, match=r"asks for .* was not run"):
        read_insightface(file)
    assert not mark.exists()
    if run in (os.system, eval, exec, os.mkdir):  # the same file, trusted, does it
        pickle.loads(file.read_bytes())
        assert mark.exists()


@pytest.mark.parametrize(
    "name", ["numpy\nload", "numpy.core.multiarray\nfromfile", "builtins\nlist", "numpy\nndarray.tofile"]
)
def test_names_beside_the_allowed_ones_are_refused(tmp_path, name):
    (tmp_path / "set.bin").write_bytes(f"c{name}\n.".encode())
    with pytest.raises(SalonError, match="asks for '" + name.replace("\n", r"\.")):
        read_insightface(tmp_path / "set.bin")


def test_allowed_names_run_nothing_of_numpy_and_keep_nothing_of_a_file(tmp_path):
    before = dict(vars(insightface._Array)), dict(vars(insightface._Kind))
    for content in (
        b"cnumpy\nndarray\n((I1000000000000\nttR.",  # numpy would take memory
        b"cnumpy.core.multiarray\nscalar\nN}S'kind'\nI7\ns\x86b.",  # sets an attribute on what the name means
        b"cnumpy\ndtype\n(S'O'\ntR.",
        b"cnumpy\ndtype\nN}S'__init__'\nI7\ns\x86b.",
    ):
        (tmp_path / "set.bin").write_bytes(content)
        with pytest.raises(SalonError, match="no set of face pairs"):
            read_insightface(tmp_path / "set.bin")
    assert (dict(vars(insightface._Array)), dict(vars(insightface._Kind))) == before


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    whole = write(tmp_path / "whole.bin", IMAGES, SAME).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "part.bin").write_bytes(whole[:length])
        with pytest.raises(SalonError, match="not the whole"):
            read_insightface(tmp_path / "part.bin")


@pytest.mark.parametrize(
    ("images", "same", "says"),
    [
        (IMAGES[:5], SAME, "5 images and 3 truth values"),
        (IMAGES, SAME[:2], "6 images and 2"),
        ([], [], "0 images"),
        ([*IMAGES[:5], IMAGES[5][:40]], SAME, "Image 5 .* cannot be read as an image"),
        ([*IMAGES[:5], b""], SAME, "Image 5 .* cannot be read as an image"),
        ([*IMAGES[:5], encoded("red", (8, 10))], SAME, r"Image 5 .* \[10, 8\], the first \[8, 10\]"),
        ([*IMAGES[:5], "text"], SAME, "Image 5 .* cannot be read as an image"),
        ([*IMAGES[:5], np.zeros(9)], SAME, "_Array instead of bytes"),
        ([*IMAGES[:5], np.array([None])], SAME, "_Array instead of bytes"),
        (IMAGES, [True, False, 2], "2 instead of a truth value"),
        (IMAGES, [True, False, None], "None instead of a truth value"),
        (IMAGES, [0.0, 1.0, 1.0], "0.0 instead of a truth value"),
        (IMAGES, np.array([1.0, 0.0, 1.0]), "_Array instead of a list"),
        (IMAGES, 3, "TypeError"),
        (7, SAME, "TypeError"),
    ],
)
def test_what_is_no_set_is_refused(tmp_path, images, same, says):
    with pytest.raises(SalonError, match=says):
        read_insightface(write(tmp_path / "set.bin", images, same))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(SalonError, match="cannot be read"):
        read_insightface(tmp_path / "nowhere.bin")
    with pytest.raises(SalonError, match="cannot be read"):
        read_insightface(tmp_path)
    for content in (
        b"",
        b"hello",
        IMAGES[0],
        pickle.dumps(5),
        pickle.dumps({}),
        pickle.dumps([1, 2, 3]),
        bytes(range(256)),
    ):
        (tmp_path / "set.bin").write_bytes(content)
        with pytest.raises(SalonError, match="no set of face pairs"):
            read_insightface(tmp_path / "set.bin")
