// The confidence explorer: a face to paint on, and what the network in the page says of it.

const READ = { confidence: (seen) => seen.confidences, certainty: (seen) => seen.variances?.map((value) => 1 / value) };

// Where a part that looks at a place looks, 0..1: squares that overlap by half, row by row.
function regions(net) {
  const side = Math.sqrt(net.parts), wide = 2 / (side + 1);
  const corners = (k) => [k % side, Math.floor(k / side)];
  return Array.from({ length: net.parts > 1 ? net.K : 0 }, (_, k) => {
    const [x, y] = corners(k).map((i) => i * wide / 2), [u, v] = corners(k).map((i) => i / (side - 1));
    return { x, y, wide, sign: [x + u * wide, y + v * wide] };
  });
}

// The regions over the face, each with its number at that edge or corner which it has for itself.
function drawRegions(places) {
  const box = ({ x, y, wide }) => make("svg:rect", { x: 100 * x, y: 100 * y, width: 100 * wide, height: 100 * wide });
  const sign = ({ sign: [x, y] }, k) => text(String(k + 1), { x: 4 + 92 * x, y: 9 + 89 * y, "text-anchor": "middle" });
  return make("svg:svg", { class: "salon-regions", viewBox: "0 0 100 100", "aria-hidden": "true" },
    ...places.map(box), ...places.map(sign));
}

// Round ticks from 0 up to `top`, about four of them.
function ticks(top) {
  const rough = top / 4, size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find((factor) => factor * size >= rough);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => +(index * step).toPrecision(3));
}

// One bar for each sub-embedding, a mark at its clean value, a dashed line where one scale for all stays; below them a
// table. All sizes hang on that of a letter, `u`.
function drawBars(svg, shown) {
  const { values, clean, one, top, owners, variations, acting } = shown;
  const u = parseFloat(getComputedStyle(svg).fontSize), wide = Math.max(svg.clientWidth, 22 * u), tall = 220;
  const left = 8.2 * u, slot = (wide - left) / values.length, kept = owners[variations.indexOf(acting)];
  const height = (value) => tall - value / top * (tall - u), middle = (k) => left + slot * (k + 0.5);
  const line = (name, x1, x2, value) =>
    make("svg:line", { class: name, x1, x2, y1: height(value), y2: height(value) });
  const beside = (words, name, y) => text(words, { class: name, x: left - 0.6 * u, y, "text-anchor": "end" });
  const grid = ticks(top).flatMap((value) =>
    [line("salon-grid", left, wide, value), beside(String(value), "salon-tick", height(value) + 0.34 * u)]);
  const bars = values.flatMap((value, k) => [
    make("svg:rect", { class: kept && !kept[k] ? "salon-bar other" : "salon-bar", x: middle(k) - slot * 0.34, rx: 2,
      y: height(value), width: slot * 0.68, height: tall - height(value), "data-value": value.toPrecision(6) }),
    line("salon-clean", middle(k) - slot * 0.42, middle(k) + slot * 0.42, clean[k]),
  ]);
  const rows = tableOf(shown, top >= 100 || slot < 2.4 * u ? 0 : 1), low = (n) => tall + 1.45 * u * (n + 1);
  const table = rows.flatMap(([name, label, cell], n) => [
    beside(label, name, low(n)),
    ...values.map((value, k) => cell(value, k, name, middle(k), low(n), u)),
  ]);
  svg.setAttribute("viewBox", `0 0 ${wide} ${low(rows.length - 1) + 0.5 * u}`);
  svg.replaceChildren(...grid, ...bars, line("salon-mean", left, wide, one), ...table);
}

// Rows [class, label, what draws a cell]: number, value, the place that is looked at, who keeps which variation.
function tableOf({ words, places, owners, variations, acting }, digits) {
  const told = (tell) => (value, k, name, x, y) => text(tell(value, k), { class: name, x, y, "text-anchor": "middle" });
  const dot = (own) => (_, k, name, x, y, u) =>
    make("svg:circle", { class: own[k] ? name : "salon-none", cx: x, cy: y - 0.32 * u, r: (own[k] ? 0.34 : 0.1) * u });
  return [
    ["salon-number", words.sub, told((_, k) => String(k + 1))],
    ["salon-value", words.now, told((value) => value.toFixed(digits))],
    ...(places.length ? [["salon-place", words.place, (_, k, name, x, y, u) => drawPlace(places[k], x, y, u)]] : []),
    ...owners.map((own, m) => [`salon-owner ${variations[m] === acting ? "acting" : ""}`,
      words[variations[m]] ?? String(m + 1), dot(own)]),
  ];
}

// Which part of the picture a part looks at, small.
function drawPlace({ x, y, wide }, middle, low, u) {
  const square = (name, x, y, wide) => make("svg:rect",
    { class: name, x: middle + (x - 0.5) * u, y: low + (y - 0.85) * u, width: wide * u, height: wide * u });
  return make("svg:g", {}, square("salon-whole", 0, 0, 1), square("salon-place", x, y, wide));
}

// Covers that a button paints, as masks: rows of the picture, and its left half.
function areasOf(tile, covers) {
  const area = (inside) => Uint8Array.from({ length: tile ** 2 }, (_, i) => +inside(Math.floor(i / tile), i % tile));
  const rows = ([from, to]) => area((y) => y >= Math.round(from * tile) && y < Math.round(to * tile));
  return { eyes: rows(covers.eyes), mouth: rows(covers.mouth), side: area((_, x) => x < tile / 2) };
}

function explore({ section, words, facts, net, people }) {
  const { tile, yaw: most, covers, variations } = facts, mask = new Uint8Array(tile ** 2), areas = areasOf(tile, covers);
  const start = { resolution: 0, yaw: 0, person: 0, read: "confidence" }, state = { ...start }, rendered = people.length;
  let { owners } = facts, cleans = [], top = {};

  // ---- what is seen, and what the network says of it

  const seen = (picture) => forward(net, views(picture, net.spec));
  const picture = () => paint(lowResolution(turnedBy(people[state.person], state.yaw, facts), state.resolution), mask);
  const acting = () =>
    [state.resolution && "low_resolution", mask.includes(1) && "occlusion", state.yaw && "pose"].filter(Boolean);

  const ask = onceAFrame(() => {
    if (camera.busy()) return;
    const now = picture(), read = READ[state.read], values = read(seen(now)), clean = read(cleans[state.person]);
    const one = mean(cleans.slice(0, rendered).flatMap(read)), acts = acting(), scale = state.read;
    top[scale] = Math.max(top[scale] ?? 0, 1.12 * Math.max(one, ...clean), ...values);
    draw(canvas, now);
    drawBars(svg, { words, values, clean, one, top: top[scale], places: regions(net), owners, variations,
      acting: acts.length === 1 ? acts[0] : null });
    tell(values, clean, acts);
  });

  // The same in words, for all who do not see it.
  function tell(values, clean, acts) {
    const name = words[state.read], told = (value) => value.toFixed(top[state.read] >= 100 ? 0 : 1);
    svg.setAttribute("aria-label", `${name}: ${values.map((value, k) => `${k + 1}: ${told(value)}`).join(", ")}`);
    summary.textContent = fill(words.mean, { name, mean: told(mean(values)), clean: told(mean(clean)),
      change: percent(mean(values) / mean(clean) - 1) }) + kept(acts, values, clean);
    canvas.setAttribute("aria-label", `${words.face} ${fill(words.covered, { share: Math.round(100 * mean(mask)) })}`);
    for (const [name, button] of Object.entries(buttons))
      button.setAttribute("aria-pressed", areas[name].every((inside, i) => inside <= mask[i]));
  }

  // Where a single variation acts: how those that keep it fare, and how the others.
  function kept([only, ...more], values, clean) {
    const own = owners[variations.indexOf(only)];
    if (more.length || !own) return "";
    const change = (on) => percent(mean(values.map((value, k) => value / clean[k]).filter((_, k) => own[k] == on)) - 1);
    return " " + fill(words.kept, { name: words[only], own: change(1), others: change(0) });
  }

  // The answer to the guess, for this person: each of the three alone.
  const guess = question(words, ["eyes", "mouth", "turned"], () => {
    const who = state.person < rendered ? state.person : 0; // a photograph cannot turn
    const [face] = people[who], clean = mean(cleans[who].confidences), turned = turnedBy(people[who], most, facts);
    const tries = { eyes: paint(face, areas.eyes), mouth: paint(face, areas.mouth), turned };
    const drops = Object.entries(tries).map(([name, each]) => [name, mean(seen(each).confidences) / clean - 1]);
    const [best] = drops.reduce((a, b) => (b[1] < a[1] ? b : a));
    const told = Object.fromEntries(drops.map(([name, drop]) => [name, percent(drop)]));
    guess.say(fill(words.verdict, { name: words[best], ...told }), best);
    guess.close();
  });

  // ---- what a reader moves

  const { canvas, element: board } = easel(tile, (x, y, { covers, begins }) => {
    if (camera.busy()) return begins && camera.point(x, y);
    brush(mask, tile, x, y, covers);
    ask();
  });
  const buttons = Object.fromEntries(Object.entries(areas).map(([name, area]) =>
    [name, button(words[`cover_${name}`], ({ currentTarget }) => { // pressed again, it uncovers
      const on = +(currentTarget.getAttribute("aria-pressed") !== "true");
      area.forEach((inside, i) => { if (inside) mask[i] = on; });
      ask();
    }, { value: name })]));
  const sliders = spoilers(state, words, facts, set);
  const faces = people.map(([face]) => thumbnail(face)), names = faces.map((_, n) => fill(words.person, { n: n + 1 }));
  const who = chips(words.people, "person", [...faces.keys()], names, (person) => set({ person }), faces);
  const readable = Object.keys(READ).filter((name) => READ[name](seen(people[0][0]))); // not each model has variances
  const what = chips(words.bars, "read", readable, readable.map((name) => words[name]), (read) => set({ read }));
  const camera = photographer(canvas, words, tile, ask, (face) => { // it takes the place after the rendered people
    if (people.length > rendered) who.element.lastChild.remove();
    [people[rendered], cleans[rendered]] = [[face], seen(face)];
    who.add(rendered, words.you, thumbnail(face));
    mask.fill(0);
    set({ person: rendered, resolution: 0 });
  });

  function set(values) {
    Object.assign(state, values);
    sliders.yaw.input.disabled = state.person >= rendered; // of a photograph there is one view
    if (state.person >= rendered) state.yaw = 0;
    for (const { follow } of Object.values(sliders)) follow();
    who.choose(state.person);
    what.choose(state.read);
    ask();
  }

  const reset = resetButton(words, () => { mask.fill(0); camera.leave(); set(start); });

  // ---- all of it on the page
  const svg = make("svg:svg", { class: "salon-bars", role: "img" });
  const summary = status();
  const notes = [words.hint, words.stays, net.parts > 1 && net.spec.flip && words.mirror];
  if (net.parts > 1) board.append(drawRegions(regions(net)));
  section.append(guess.element, make("div", { class: "salon-columns" },
    make("div", { class: "salon-side" }, board,
      make("div", { class: "salon-buttons" }, ...Object.values(buttons), reset)),
    make("div", { class: "salon-main" }, what.element, svg,
      foot(words, "now", "clean", "one", ...(owners.length ? ["owner"] : [])), summary),
    make("div", { class: "salon-more" }, ...Object.values(sliders).map(({ element }) => element), who.element,
      camera.element)),
  make("p", { class: "salon-note" }, notes.filter(Boolean).join(" ")));

  const learn = () => {
    [cleans, top] = [people.map(([face]) => seen(face)), {}];
    owners = owners.filter((own) => own.length === net.K);
    ask();
  };
  new ResizeObserver(ask).observe(svg.parentElement);
  learn();
  set({});
  return learn; // for the reader's own network
}

const render = (host) => opened(host, "explorer", explore);

export default { render };
