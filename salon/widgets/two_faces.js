// Two faces: both to be spoilt, what each part says of the pair, and where it stands among pairs of test people.

const DIGITS = { distance: 2, variance: 3, term: 0 }, READINGS = Object.keys(DIGITS), TALL = 62, GAP = 40; // pixels: of a row of bars, and between two
const CLEAN = { resolution: 0, blocks: 0, yaw: 0 };

// [K] each: ‖f_a − f_b‖², σ_a² + σ_b², and what both add to (16).
const read = (a, b) => ({
  distance: a.features.map((f, k) => f.reduce((total, x, i) => total + (x - b.features[k][i]) ** 2, 0)),
  variance: a.variances.map((value, k) => value + b.variances[k]),
  term: likelihoodTerms(a, b),
});

const shown = (value, digits) => value.toFixed(digits).replace("-", "−");

// A row of K bars from a line at 0, up and down, each with its value; a mark where it stands when both are clean.
function rowOfBars(top, width, name, label, values, clean, most) {
  const low = Math.min(0, ...most), high = Math.max(0, ...most), slot = width / values.length, wide = Math.min(0.68 * slot, 44);
  const y = (value) => top + GAP / 2 + TALL * (high - value) / (high - low);
  const line = (name, x1, x2, value) => make("svg:line", { class: name, x1, x2, y1: y(value), y2: y(value) });
  return [text(label, { class: "salon-strong", x: 0, y: top + 8 }), line("salon-axis", 0, width, 0), ...values.flatMap((value, k) => [
    make("svg:rect", { class: `salon-${name} ${value < 0 ? "less" : ""}`, x: slot * (k + 0.5) - wide / 2, width: wide, rx: 2,
      y: Math.min(y(value), y(0)), height: Math.abs(y(value) - y(0)), "data-value": value.toPrecision(6) }),
    line("salon-clean", slot * (k + 0.5) - 0.62 * wide, slot * (k + 0.5) + 0.62 * wide, clean[k]),
    text(shown(value, DIGITS[name]), { class: "salon-value", x: slot * (k + 0.5), y: top + GAP / 2 + TALL + 13, "text-anchor": "middle" }),
  ])];
}

function compare({ section, words, facts, net, people }) {
  const { tile, models, ranges, counts, conditions, order } = facts;
  const state = { second: 2, condition: 1 }, bins = counts[0][0][0].length;
  let most = {}, rest = []; // of the bars, the lowest and the highest value; both faces clean

  const seen = (picture) => forward(net, views(picture, net.spec));
  const scores = (a, b) => [cosine(a, b), likelihood(a, b)];
  const frames = (n) => people[n ? state.second : 0];

  // ---- a face to spoil, of the two

  const sides = [0, 1].map((n) => {
    const side = { state: { ...CLEAN }, mask: new Uint8Array(tile ** 2) };
    const { canvas, element } = easel(tile, (x, y, { covers }) => { brush(side.mask, tile, x, y, covers); ask(); });
    const set = (values) => { Object.assign(side.state, values); sliders.forEach(({ follow }) => follow()); ask(); };
    const sliders = Object.values(spoilers(side.state, words, facts, set)), name = words[n ? "second" : "first"];
    canvas.setAttribute("aria-label", `${name}. ${words.face}`);
    side.picture = () => {
      const { resolution, blocks, yaw } = side.state, face = lowResolution(turnedBy(frames(n), yaw, facts), resolution);
      return paint(occlusion(face, blocks, order[n]), side.mask);
    };
    side.clear = (values = CLEAN) => { side.mask.fill(0); set(values); };
    side.element = make("div", { role: "group", "aria-label": name }, make("p", {}, name), element,
      ...sliders.map(({ element }) => element));
    return Object.assign(side, { canvas });
  });

  // ---- what is said of the pair

  // What share of the impostor and of the genuine pairs scores higher; and where on the axis it stands, 0..1.
  function standing(way, score) {
    const [low, high] = ranges[way], at = Math.min(Math.max((score - low) / (high - low), 0), 1);
    return { at, ...rates(counts[way][state.condition], Math.ceil(at * bins)) };
  }
  const told = (score, way) => shown(score, way ? 0 : 2);

  const ask = onceAFrame(() => {
    const pictures = sides.map((side) => side.picture()), now = pictures.map(seen);
    pictures.forEach((picture, n) => draw(sides[n].canvas, picture));
    const values = read(...now), still = read(...rest);
    for (const name of READINGS) most[name] = [Math.min, Math.max].map((pick, i) => pick(most[name]?.[i] ?? 0, ...values[name], ...still[name]));
    const width = sized(svg, 2 * (PANEL + HEAD)), wide = sized(parts, 3 * (GAP + TALL)), x = (at) => EDGE + at * (width - 2 * EDGE);
    const stand = scores(...now).map((score, way) => ({ score, ...standing(way, score) }));
    svg.replaceChildren(...stand.flatMap(({ score, at, far, tar }, way) => {
      const top = way * (PANEL + HEAD), before = x(standing(way, scores(...rest)[way]).at), y = top + HEAD;
      return [...panel(top, width, counts[way][state.condition], x(at), `${words[models[way]]} ${told(score, way)}`,
        fill(words.higher, { far: ratio(far), tar: ratio(tar) })),
      make("svg:line", { class: "salon-rest", x1: before, x2: before, y1: y, y2: y + PANEL })];
    }));
    parts.replaceChildren(...READINGS.flatMap((name, i) => rowOfBars(i * (GAP + TALL), wide, name,
      fill(words[name], { sum: told(stand[1].score, 1) }), values[name], still[name], most[name])));
    parts.setAttribute("aria-label", READINGS.map((name) => `${fill(words[name], { sum: "" })}: ${values[name].map((value) => value.toFixed(2)).join(", ")}`).join(". "));
    summary.textContent = stand.map(({ score, far, tar }, way) =>
      fill(words.told, { name: words[models[way]], score: told(score, way), far: ratio(far), tar: ratio(tar) })).join(" ");
  });

  // ---- what a reader moves

  const second = chips(words.who, "second", [1, 2], [words.same_person, words.other_person], (second) => set({ second }));
  const against = chips(words.among, "condition", [0, 1], conditions.map((name) => words[name]), (condition) => set({ condition }));
  function set(values) {
    Object.assign(state, values);
    [most, rest] = [{}, [0, 1].map((n) => seen(frames(n)[0]))];
    second.choose(state.second);
    against.choose(state.condition);
    ask();
  }

  // The answer to the guess: two strangers, clean, and behind as many blocks as there may be; then shown.
  const guess = question(words, ["rises", "stays", "falls"], () => {
    set({ second: 2, condition: 1 });
    sides.forEach((side) => side.clear());
    const before = scores(...sides.map((side) => seen(side.picture())));
    sides.forEach((side) => side.clear({ ...CLEAN, blocks: 1 }));
    const after = scores(...sides.map((side) => seen(side.picture()))), change = after[0] - before[0];
    const fars = [before, after].map((pair) => pair.map((score, way) => ratio(standing(way, score).far)));
    guess.say(fill(words.verdict, { before: told(before[0], 0), after: told(after[0], 0), far: fars[1][0], was: fars[0][0], by16: fars[1][1], was16: fars[0][1] }),
      Math.abs(change) < 0.1 ? "stays" : change > 0 ? "rises" : "falls");
  });
  const reset = resetButton(words, () => { set({ second: 2, condition: 1 }); sides.forEach((side) => side.clear()); });

  // ---- all of it on the page

  const image = { role: "img" }, svg = make("svg:svg", { ...image, "aria-label": words.chart });
  const parts = make("svg:svg", image), summary = make("p", { class: "salon-note salon-summary", role: "status" });
  section.append(guess.element, make("div", { class: "salon-foot" }, second.element, reset), make("div", { class: "salon-columns" },
    make("div", { class: "salon-faces" }, ...sides.map(({ element }) => element)),
    make("div", { class: "salon-main" }, against.element, svg, foot(words, "genuine", "impostor", "rest"), summary),
    make("div", { class: "salon-whole-row" }, parts, foot({ ...words, clean: words.rest }, "clean"))),
  make("p", { class: "salon-note" }, `${words.hint} ${words.note}`));
  new ResizeObserver(ask).observe(section);
  set({});
  sides.forEach((side) => side.clear());
  return () => set({});
}

const render = (host) => opened(host, "two", compare);

export default { render };
