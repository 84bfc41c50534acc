// The scrubber: one step cursor for one run, or for two side by side.

async function scrub({ model, el }) {
  const shown = new Set(), body = h("div");
  let tracks = await Promise.all(model.get("tracks").map(openTrack)), views = [];
  const place = stage(el, "scrub", () => views.forEach((view, i) => view.draw(frameOf(i))));
  const frameOf = (i) => {
    const [first, own] = [tracks[0].steps, tracks[i].steps];
    const share = own[own.length - 1] / (first[first.length - 1] || 1);
    return i ? nearest(own, first[player.index] * share) : player.index;
  };
  const player = makePlayer(() => tracks[0].steps.length, (i) => stepWords(tracks[0].steps[i]), place.schedule);
  const build = () => {
    views = tracks.map((track) => trackView(track, place, shown, (step) => {
      player.stop();
      player.set(nearest(tracks[0].steps, (step * tracks[0].steps.at(-1)) / (track.steps.at(-1) || 1)));
    }));
    body.replaceChildren(...tracks.flatMap((track, i) => [
      h("h4", {}, track.title, " ", h("small", {}, `seed ${track.seed}, N = ${track.modulus}`)), views[i].root]));
    player.set(player.index);
  };
  const seeds = model.get("seeds");
  if (seeds.length > 1) {
    const choice = field("seed", { value: tracks[0].seed, options: seeds.map((s) => [s, s]) },
      (seed) => model.send({ type: "seed", seed }));
    choice.root.className = "";
    player.root.append(choice.root);
  }
  const arrows = ["measured", "clustering", "alignment", "sum"].filter((name) => tracks.some((t) => t.frames[0][name]));
  place.root.append(body, player.root, arrows.length ? arrowSwitches(arrows, shown, place.schedule) : "");
  playOnSpace(place.root, player.toggle);
  build();
  player.set(Infinity); // the finished structure first; play begins from the start
  let latest = 0; // of two changes in quick succession the first may finish last
  const reload = async () => {
    const turn = ++latest, opened = await Promise.all(model.get("tracks").map(openTrack));
    if (turn !== latest) return;
    tracks = opened;
    build();
  };
  model.on("change:tracks", reload);
  return () => { player.stop(); place.close(); model.off("change:tracks", reload); };
}
