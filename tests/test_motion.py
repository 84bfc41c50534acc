"""The animated picture: every frame as long as told, each token's disc where the token is."""

import struct
import zlib

import numpy as np

from modadd import TrainingConfig, train
from modadd.plots.motion import motion
from modadd.plots.palette import token_colors


def chunks(image: bytes):
    at = 8
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        body = image[at + 8 : at + 8 + length]
        (checked,) = struct.unpack(">I", image[at + 8 + length : at + 12 + length])
        assert checked == zlib.crc32(image[at + 4 : at + 8 + length])
        yield image[at + 4 : at + 8], body
        at += 12 + length


def test_an_animated_picture_shows_each_token_at_its_place():
    config = TrainingConfig(modulus=7, hidden=16, steps=300)
    run = train(config, range(2), snapshots=50, progress=False, cache=False)
    parts = list(chunks(motion(run, frames=5, size=120)))
    kinds = [kind for kind, _ in parts]
    assert kinds == [b"IHDR", b"PLTE", b"acTL", b"fcTL", b"IDAT", *[b"fcTL", b"fdAT"] * 16, b"IEND"]
    (frames, plays), controls = struct.unpack(">II", parts[2][1]), parts[3:-1:2]
    assert (frames, plays) == (17, 0)
    order = [body[:4] for kind, body in parts if kind in (b"fcTL", b"fdAT")]
    assert [struct.unpack(">I", number)[0] for number in order] == list(range(33))
    waits = [struct.unpack(">HH", body[20:24]) for _, body in controls]
    assert [over / under for over, under in waits] == [0.062] * 16 + [2.0]
    colors = np.frombuffer(parts[1][1], np.uint8).reshape(-1, 3)
    rows = np.frombuffer(zlib.decompress(parts[-2][1][4:]), np.uint8).reshape(120, 241)
    E = run.final.astype(float)
    E -= (E.max(1, keepdims=True) + E.min(1, keepdims=True)) / 2
    x, y = np.moveaxis(
        60 * (1 + E * [1, -1] / (1.12 * np.abs(E).max((1, 2), keepdims=True))), -1, 0
    )
    for seed in range(2):
        middles = colors[rows[:, 1:][y[seed].astype(int), x[seed].astype(int) + 120 * seed]]
        shown = ["#" + bytes(middle).hex() for middle in middles]
        assert shown == token_colors(7), seed
