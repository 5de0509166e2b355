// The confidence explorer. `answer` = {image, confidences} comes from the kernel, or, in a page, from `table`.

const SLIDERS = [["blur", 0.05], ["occlusion", 0.05], ["yaw", 3]]; // name, and its step where a kernel answers
const WIDTH = 430, HEIGHT = 300, LEFT = 46, BOTTOM = 58, TOP = 14;

// Without a kernel: the nearest of the steps³ stored states, its face cut out of the sprite.
async function answerFromTable(model, table) {
  const sprite = new Image();
  sprite.src = table.sprite;
  await sprite.decode();
  const canvas = make("canvas", { width: table.tile, height: table.tile });
  const answer = () => {
    const cell = SLIDERS.reduce((index, [name]) =>
      index * table.steps + Math.round(model.get(name) / model.get("limits")[name] * (table.steps - 1)), 0);
    drawTile(canvas.getContext("2d"), sprite, table.tile, cell, 0, 0, table.tile);
    model.set("answer", { image: canvas.toDataURL(), confidences: table.confidences[cell] });
  };
  for (const [name] of SLIDERS) model.on(`change:${name}`, answer);
  answer();
}

// Round ticks from 0 up to `top`, about four of them.
function ticks(top) {
  const rough = top / 4, size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find((factor) => factor * size >= rough);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => +(index * step).toPrecision(3));
}

// One bar for each sub-embedding, a mark at its clean value, a dashed line at the mean.
function drawBars(svg, words, confidences, clean, top) {
  const height = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const slot = (WIDTH - LEFT) / confidences.length, digits = confidences.length > 8 ? 0 : 1;
  const line = (name, x1, x2, value) =>
    make("svg:line", { class: name, x1, x2, y1: height(value), y2: height(value) });
  const grid = ticks(top).flatMap((value) => [line("salon-grid", LEFT, WIDTH, value),
    text(String(value), { x: LEFT - 6, y: height(value) + 4, "text-anchor": "end" })]);
  const bars = confidences.flatMap((value, k) => {
    const x = LEFT + slot * (k + 0.16), width = slot * 0.68, middle = x + width / 2;
    return [
      make("svg:rect", { class: "salon-bar", x, width, y: height(value), rx: 2,
        height: Math.max(0, HEIGHT - BOTTOM - height(value)), "data-value": value.toFixed(3) }),
      line("salon-clean", x - slot * 0.08, x + width + slot * 0.08, clean[k]),
      text(String(k + 1), { x: middle, y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }),
      text(value.toFixed(digits), { class: "salon-value", x: middle, y: HEIGHT - BOTTOM + 31, "text-anchor": "middle" }),
    ];
  });
  svg.replaceChildren(...grid, ...bars, line("salon-mean", LEFT, WIDTH, mean(confidences)),
    text(words.sub, { x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle" }),
    text(words.axis, { x: 0, y: 0, transform: `translate(12 ${(HEIGHT - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle" }));
  svg.setAttribute("aria-label", `${words.axis}: ${confidences.map((value, k) => `${k + 1}: ${value.toFixed(1)}`).join(", ")}`);
}

function render({ model, el }) {
  const words = model.get("words"), limits = model.get("limits"), table = model.get("table");
  const clean = model.get("clean"), cleanMean = mean(clean);
  const drops = model.get("ends").map((value) => value / cleanMean - 1);
  const seen = new Set();
  let top = 1.08 * Math.max(...clean, ...(table?.confidences ?? []).flat());

  const image = make("img", { width: 240, height: 240 });
  const svg = make("svg:svg", { class: "salon-bars", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const summary = make("p", { class: "salon-summary", role: "status" });
  const asked = question(words, SLIDERS.map(([name]) => name), (name) => asked.say(fill(words.guessed, { guess: words[name] })));

  const shown = (name) => name === "yaw" ? `${Math.round(model.get(name))}°` : model.get(name).toFixed(2);
  const rows = SLIDERS.map(([name, step]) => {
    const input = control("input", { type: "range", name, min: 0, max: limits[name], "aria-label": words[name],
      step: table ? limits[name] / (table.steps - 1) : step });
    const value = make("output"), end = make("span", { class: "salon-end", title: words.alone }, "?");
    const follow = () => {
      input.value = model.get(name);
      value.textContent = shown(name);
      input.setAttribute("aria-valuetext", shown(name));
      if (model.get(name) > 0.99 * limits[name]) seen.add(name);
      if (seen.has(name)) end.textContent = percent(drops[SLIDERS.findIndex(([other]) => other === name)]);
      tell();
    };
    input.oninput = () => change(model, { [name]: Math.min(+input.value, limits[name]) });
    model.on(`change:${name}`, follow);
    return { follow, element: make("label", { class: "salon-row" }, make("span", {}, words[name]), value, end, input) };
  });

  // The answer is given once each slider has been to its end.
  function tell() {
    if (seen.size < SLIDERS.length) return;
    const most = drops.indexOf(Math.min(...drops)), name = SLIDERS[most][0];
    asked.say(fill(words.verdict, { name: words[name], drop: percent(drops[most]) }) + asked.judge(name));
    asked.close();
  }

  function show() {
    const { image: source, confidences } = model.get("answer");
    top = Math.max(top, 1.08 * Math.max(...confidences));
    image.src = source;
    image.alt = `${words.face} ${SLIDERS.map(([name]) => `${words[name]} ${shown(name)}`).join(", ")}`;
    drawBars(svg, words, confidences, clean, top);
    const now = mean(confidences);
    summary.textContent = fill(words.mean,
      { mean: now.toFixed(1), clean: cleanMean.toFixed(1), change: percent(now / cleanMean - 1) });
  }

  const reset = resetButton(words.reset, () => change(model, { blur: 0, occlusion: 0, yaw: 0 }));
  el.append(make("section", { class: "salon salon-explorer", "aria-label": words.title },
    asked.element,
    make("div", { class: "salon-columns" },
      make("div", { class: "salon-side" }, make("figure", { class: "salon-face" }, image),
        make("p", { class: "salon-head", "aria-hidden": "true" }, words.alone),
        ...rows.map((row) => row.element)),
      make("div", { class: "salon-main" }, svg,
        foot(words, "now", "clean", "average"),
        make("div", { class: "salon-foot" }, summary, reset))),
    ...(table ? [make("p", { class: "salon-note" }, fill(words.precomputed, table))] : [])));
  model.on("change:answer", show);
  rows.forEach((row) => row.follow());
  if (table) answerFromTable(model, table); else show();
}

export default { render };
