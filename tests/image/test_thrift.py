"""Efforts 4 to 6: what blocks cost, and the weights of bits that they get by it."""

import numpy as np
import pytest
from image.photos import photo

from pauca import create_model, decode, encode
from pauca.image.choose import error_price
from pauca.image.codec import PictureEncoder
from pauca.image.coded import EncodeOptions
from pauca.image.qualities import Qualities
from pauca.image.thrift import BLOCK, Ledger, Weights, cheapest, on_cells
from pauca.image.window import Span, Window

PACK = create_model("img-psnr")
CODE = 160
SIZE = (256, 384)


@pytest.mark.parametrize("tile", [None, 128])
def test_a_ledger_has_the_bits_of_the_stream_and_the_error_of_its_picture(tile: int | None) -> None:
    pixels = photo(200, 300)
    encoder = PictureEncoder(pixels, PACK, EncodeOptions(effort=3, threads=2, tile=tile))
    coded, seen = encoder.encode_and_decode(CODE)
    ledger = encoder._trial(encoder._encoder(Qualities(CODE)), np.ones((8, 12), np.float32))
    payload = 8 * sum(len(chunk.payload) for chunk in coded.payload)
    assert 0.95 * payload < ledger.bits.sum() < payload  # the lowest band is not in it
    error = np.square(seen.astype(np.float64) - pixels)
    assert ledger.error.sum() == error.sum()
    assert ledger.error[6, 9] == error[192:, 288:].sum()
    assert ledger.error[7].sum() == 0


def test_cells_larger_and_smaller_than_blocks_see_their_weights() -> None:
    weights = np.arange(96, dtype=np.float32).reshape(8, 12)
    fine = on_cells(weights, 1, Window(Span(8, 16), Span(0, 96)))
    assert fine.shape == (8, 96)
    assert np.array_equal(fine[:, ::8], np.repeat(weights[1:2], 8, 0))
    assert np.array_equal(on_cells(weights, 4, Window(Span(0, 8), Span(0, 12))), weights)
    coarse = on_cells(weights, 6, Window(Span(0, 2), Span(1, 3)))
    assert coarse.shape == (2, 2) and coarse[0, 0] == weights[:4, 4:8].mean()


def test_bits_of_a_pass_go_to_the_blocks_of_its_cells() -> None:
    ledger = Ledger(SIZE, PACK.tables)
    index = np.full(2 * 3, 20, np.uint8)
    ledger.spend(6, Window(Span(0, 2), Span(0, 3)), np.array([9, 0, 0, 0, 0, 0], np.int16), index)
    assert np.ptp(ledger.bits[:4, :4]) == 0 and ledger.bits[0, 0] > ledger.bits[0, 4] > 0
    assert np.array_equal(ledger.bits[4:], np.full((4, 12), ledger.bits[0, 4]))


def test_every_block_takes_what_costs_it_least() -> None:
    def trial(weights: Weights) -> Ledger:
        ledger = Ledger(SIZE, PACK.tables)
        ledger.bits[:, :6], ledger.error[:, 6:] = 9 - 2 * weights[:, :6], weights[:, 6:]
        return ledger

    best = cheapest(4, 1.0, SIZE, trial)
    assert (best[:, :6] == 1.5).all() and (best[:, 6:] == 0.5).all()


@pytest.mark.parametrize("grey", [False, True])
def test_more_effort_costs_less(grey: bool) -> None:
    pixels = photo(8 * BLOCK, 12 * BLOCK, grey)
    costs = []
    for effort in (3, 4, 6):
        stream = encode(pixels, quality=CODE / 4, effort=effort, threads=2)
        error = np.square(decode(stream).astype(np.float64) - pixels).sum()
        price = error_price(CODE, PACK.lmbda) * (3 if grey else 1)
        costs.append(8 * len(stream) + price * float(error))
    assert costs[2] < costs[1] < costs[0]
