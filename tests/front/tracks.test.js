import assert from "node:assert/strict";
import test from "node:test";
import * as tracks from "../../modadd/widgets/front/tracks.js";
import { compares, reference } from "./reference.js";

test("a track is unpacked as Python packed it", compares, async () => {
  const { header, content, expected } = reference.track;
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const track = await tracks.openTrack({ ...header, bytes });
  assert.deepEqual(track.steps, expected.steps);
  track.frames.forEach((frame, t) => {
    assert.deepEqual([...frame.embeddings], expected.embeddings[t]);
    assert.deepEqual([...frame.predicted], expected.predicted[t]);
    assert.equal(frame.accuracy, expected.accuracy[t]);
  });
  assert.ok(track.frames[0].regions.length > 0 && track.largest > 0);
});

test("thinning keeps the first and the last frame", () => {
  const track = { steps: [0, 1, 2, 3, 4, 5], frames: ["a", "b", "c", "d", "e", "f"] };
  tracks.thin(track);
  assert.deepEqual(track, { steps: [0, 2, 4, 5], frames: ["a", "c", "e", "f"] });
});

test("the nearest step, and how long each frame stays", () => {
  assert.equal(tracks.nearestStep([0, 10, 50], 28), 1);
  const stays = tracks.durations([
    [0, 0],
    [3, 4],
    [3, 4],
  ]);
  assert.deepEqual(stays, [1.5, 0.5]); // one on average; all movement in the first
  assert.deepEqual(
    tracks.durations([
      [1, 1],
      [1, 1],
    ]),
    [1],
  );
});
