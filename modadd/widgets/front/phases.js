// The view of modadd.widgets.phases: a table of recipes, and the runs of the one pointed at.

const BLUE = [47, 127, 193]; // circles, as in modadd.plots.palette

// From the middle of the bounding box: E to the square |x|, |y| <= 1.
function fitted(E) {
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  E.forEach((v, i) => { low[i % 2] = Math.min(low[i % 2], v); high[i % 2] = Math.max(high[i % 2], v); });
  const half = Math.max(high[0] - low[0], high[1] - low[1]) / 2 || 1;
  return E.map((v, i) => (v - (low[i % 2] + high[i % 2]) / 2) / half);
}

function phases({ model, el }) {
  const { scales, bias_scales: biases, seeds, names, kinds, cells } = model.get("initial");
  const [R, C] = [scales.length, biases.length];
  const place = stage(el, "phases", draw);
  const table = makeCanvas("Share of circles by bias scale and initial scale; arrow keys choose a recipe", place.schedule);
  const runs = makeCanvas("Final embeddings of runs of the chosen recipe", place.schedule);
  const found = readings(names), title = h("figcaption", { role: "status" });
  let [row, column] = [Math.floor(R / 2), Math.floor(C / 2)];
  table.node.tabIndex = 0;
  table.node.style.cursor = "pointer";
  place.root.append(
    h("div", { className: "panels" },
      h("figure", { className: "plane" }, h("figcaption", {}, h("b", {}, "Share of circles"), ": point at a cell"), table.node),
      h("figure", { className: "plane" }, title, runs.node)),
    found.root);

  const counts = (r, c) => names.map((_, k) => kinds[r][c].filter((kind) => kind === k).length);
  function choose(r, c) {
    [row, column] = [clamp(r, 0, R - 1), clamp(c, 0, C - 1)];
    const here = counts(row, column), total = kinds[row][column].length;
    title.replaceChildren(h("b", {}, `β = ${biases[column]}, initial scale ${scales[row]}`),
      `: the first ${cells[row][column].length} of ${total} runs`);
    found.set(here.map((n) => [`${n} of ${total}`, n / total]));
    place.schedule();
  }
  const LEFT = 52, BOTTOM = 34; // px, for the axes
  const point = (event) => {
    const box = table.node.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - LEFT, event.clientY - box.top];
    const side = (box.width - LEFT) / C, tall = (box.height - BOTTOM) / R;
    if (x >= 0 && y < R * tall) choose(R - 1 - Math.floor(y / tall), Math.floor(x / side));
  };
  table.node.addEventListener("pointermove", point);
  table.node.addEventListener("pointerdown", point);
  table.node.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(row + step[0], column + step[1]);
  });

  function drawTable(g, w, hh) {
    const { theme } = place, side = (w - LEFT) / C, tall = (hh - BOTTOM) / R;
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (let r = 0; r < R; r++) {
      for (let c = 0; c < C; c++) {
        const part = counts(r, c)[0] / kinds[r][c].length;
        const ground = blend(theme.paper, BLUE, 0.06 + 0.8 * part);
        const [x, y] = [LEFT + c * side, (R - 1 - r) * tall];
        g.fillStyle = css(ground);
        g.fillRect(x + 0.5, y + 0.5, side - 1, tall - 1);
        g.fillStyle = textOn(ground);
        g.fillText(`${Math.round(100 * part)}%`, x + side / 2, y + tall / 2);
      }
    }
    g.strokeStyle = css(theme.ink);
    g.lineWidth = 2;
    g.strokeRect(LEFT + column * side + 1, (R - 1 - row) * tall + 1, side - 2, tall - 2);
    g.fillStyle = css(theme.muted);
    g.font = g.font.replace(/[\d.]+px/, "11px");
    biases.forEach((v, c) => g.fillText(v, LEFT + (c + 0.5) * side, hh - BOTTOM + 10));
    g.fillText("bias scale β", LEFT + (w - LEFT) / 2, hh - 8);
    g.textAlign = "right";
    scales.forEach((v, r) => g.fillText(v, LEFT - 6, (R - r - 0.5) * tall));
    g.textAlign = "center";
    g.save();
    g.translate(6, (hh - BOTTOM) / 2);
    g.rotate(-Math.PI / 2);
    g.fillText("scale of initial embeddings", 0, 0);
    g.restore();
  }

  function drawRuns(g, w) {
    const { theme } = place, side = w / 3;
    cells[row][column].forEach(({ E, bonds }, i) => {
      const here = fitted(E), N = E.length / 2, colors = tokenColors(N), inner = side - 22;
      g.save();
      g.translate((i % 3) * side + 11, Math.floor(i / 3) * side + 15);
      drawBonds(g, inner, here, 1.15, bonds, theme);
      const at = toPixels(inner, 1.15), radius = clamp(0.045 * inner, 2, 4.5);
      for (let a = 0; a < N; a++) disc(g, at(here[2 * a], here[2 * a + 1]), radius, css(colors[a]));
      g.fillStyle = css(theme.ink);
      g.font = g.font.replace(/[\d.]+px/, "11px");
      g.textAlign = "left";
      g.textBaseline = "alphabetic";
      g.fillText(`${names[kinds[row][column][i]]}, seed ${seeds[i]}`, 0, -3);
      g.restore();
    });
  }

  function draw() {
    let [g, w, hh] = table.begin();
    drawTable(g, w, hh);
    [g, w] = runs.begin();
    drawRuns(g, w);
  }
  choose(row, column);
  return place.close;
}
