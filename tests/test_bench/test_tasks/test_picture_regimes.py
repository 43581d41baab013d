"""Damaged pictures from files: what a regime is said to do is what is measured."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_bench.test_tasks.data_files import SEED, refused

from bench.tasks.regimes.inputs import hidden_sides
from bench.tasks.resolve import resolve

pytestmark = pytest.mark.usefixtures("root")
SIDE = 16


def write_stark(folder: Path, count: int = 120, on: int = 255, side: int = SIDE) -> None:
    """Pictures of black with a fifth of `on`: nearly all bytes lie at an end of their range."""
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = np.where(rng.random((side, side)) < 0.2, on, 0).astype(np.uint8)
        place = folder / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)


def clean_and_damaged(regime: str) -> tuple[np.ndarray, np.ndarray]:
    """What a learner sees of the training pictures without and with a regime."""
    task = resolve(f"folder:stark+{regime}").source(test=True)(SEED)
    clean = resolve("folder:stark").source(test=True)(SEED)
    for name in ("inner_valid", "outer_valid", "test"):
        kept, before = getattr(task, name), getattr(clean, name)
        np.testing.assert_array_equal(np.asarray(kept.x), np.asarray(before.x))
    return np.asarray(clean.train.x), np.asarray(task.train.x)


@pytest.mark.parametrize("on", [255, 3])
@pytest.mark.parametrize("deviation", [0.05, 0.5, 5.0])
def test_noise_has_the_deviation_it_says_and_no_mean(root: Path, on: int, deviation: float) -> None:
    write_stark(root / "stark", on=on)
    clean, damaged = clean_and_damaged(f"input_noise={deviation}")
    noise = (damaged - clean).astype(np.float64)
    # 10,000 values at least: a hundredth is the deviation's, and a half of the mean's, error.
    assert noise.std() == pytest.approx(deviation, rel=0.03)
    assert abs(noise.mean()) < 0.04 * deviation
    # White and black pixels get the same noise: nothing was clipped.
    for part in (noise[clean > 0], noise[clean < 0]):
        assert part.std() == pytest.approx(deviation, rel=0.06)
        assert abs(part.mean()) < 0.08 * deviation


def test_noise_differs_from_picture_to_picture_and_not_from_seed_to_seed(root: Path) -> None:
    write_stark(root / "stark")
    clean, damaged = clean_and_damaged("input_noise=0.5")
    noise = damaged - clean
    assert np.abs(np.corrcoef(noise)[~np.eye(len(noise), dtype=bool)]).max() < 0.4
    again = clean_and_damaged("input_noise=0.5")[1]
    np.testing.assert_array_equal(damaged, again)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_missing_values_are_exactly_the_mean_at_the_rate_it_says(root: Path, rate: float) -> None:
    write_stark(root / "stark", on=3)
    clean, damaged = clean_and_damaged(f"missing={rate}")
    gone = clean != damaged
    assert not damaged[gone].any()
    assert gone.mean() == pytest.approx(rate, abs=0.02)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_rectangle_hides_the_share_it_says(root: Path, share: float) -> None:
    write_stark(root / "stark", on=3)
    clean, damaged = clean_and_damaged(f"occlusion={share}")
    hidden = (clean != damaged).mean(1)
    assert hidden == pytest.approx(share, abs=0.5 / SIDE)
    assert not damaged[clean != damaged].any()


def test_a_picture_that_is_not_square_is_hidden_by_its_share_too() -> None:
    for height, width in ((4, 64), (64, 4), (28, 28), (5, 9)):
        for share in np.linspace(0.05, 0.9, 18):
            tall, wide = hidden_sides(height, width, share)
            assert 1 <= tall <= height
            assert 1 <= wide <= width
            error = abs(tall * wide - share * height * width)
            assert error <= max(tall, wide) / 2 + 1e-9


@pytest.mark.parametrize("sigma", [0.8, 1.0, 1.5])
def test_blur_has_the_width_it_says_and_keeps_the_mean(root: Path, sigma: float) -> None:
    for number in range(60):  # one white point each, far from the edges
        pixels = np.zeros((24, 24), np.uint8)
        pixels[10 + number % 4, 10 + number // 4 % 4] = 255
        place = root / "stark" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)
    clean, damaged = clean_and_damaged(f"blur={sigma}")
    assert damaged.mean() == pytest.approx(clean.mean(), abs=1e-4)
    weight = (damaged - clean.min()).reshape(-1, 24, 24).astype(np.float64)
    rows = weight.sum(2)
    at = np.arange(24)
    mean = (rows * at).sum(1) / rows.sum(1)
    width = np.sqrt((rows * (at - mean[:, None]) ** 2).sum(1) / rows.sum(1))
    assert width == pytest.approx(sigma, rel=0.02)


def test_only_pictures_of_files_take_one_value_alone(root: Path) -> None:
    write_stark(root / "stark", 20)
    refused("folder:stark+input_noise=0.1:0.2", "give input_noise one value")
    (root / "t.csv").write_text("a,y\n" + "".join(f"{i % 7},{'uv'[i % 2]}\n" for i in range(60)))
    task = resolve("table:t.csv,label=y+input_noise=0.1:0.2").source(test=False)(SEED)
    assert task.train.x.shape == (30, 1)
