// Brings figures to life when they come near, and unfolds the code. Without it pages are complete,
// but for their widgets.

const own = document.currentScript.dataset;
let plotly = null;

function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, {
      src: own.plotly,
      onload: () => resolve(window.Plotly),
      onerror: reject,
    });
    document.head.append(script);
  });
  return plotly;
}

// The interactive figure takes the picture's place once it is drawn.
async function enliven(data) {
  const { layout, config, frames, data: traces } = JSON.parse(data.textContent);
  const Plotly = await loadPlotly(),
    place = document.createElement("div");
  const picture = data.parentNode.querySelector("img");
  place.hidden = true;
  place.className = "plot";
  picture.after(place);
  place.hidden = false;
  await Plotly.newPlot(place, traces, layout, config);
  if (frames) await Plotly.addFrames(place, frames);
  if (frames && layout.sliders) place.after(frameSlider(place, layout.sliders[0]));
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", picture.alt);
  picture.remove();
}

// Plotly's own slider takes a mouse; this one also takes the arrow keys.
function frameSlider(place, { steps, active = 0, currentvalue }) {
  const label = document.createElement("label"),
    input = document.createElement("input");
  const say = (i) =>
    input.setAttribute("aria-valuetext", `${currentvalue?.prefix ?? ""}${steps[i].label}`);
  Object.assign(input, { type: "range", min: 0, max: steps.length - 1, step: 1, value: active });
  input.addEventListener("input", () => {
    say(input.value);
    window.Plotly.animate(place, ...steps[input.value].args);
    window.Plotly.relayout(place, { "sliders[0].active": Number(input.value) });
  });
  say(active);
  label.className = "frames";
  label.append("Frames ", input);
  return label;
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      enliven(target.querySelector("script"));
    }
  },
  { rootMargin: "600px" },
);
document.querySelectorAll(".sheet:has(script)").forEach((sheet) => {
  near.observe(sheet);
});

document.querySelector("#code")?.addEventListener("click", ({ currentTarget: button }) => {
  const open = button.getAttribute("aria-pressed") === "false";
  button.setAttribute("aria-pressed", open);
  document.querySelectorAll("details.code").forEach((details) => {
    details.open = open;
  });
});
